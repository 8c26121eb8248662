// A small chart of one figure over time, drawn as SVG.
import { html, Component } from "../lib/html.js";
import { duration } from "../lib/format.js";

const WIDTH = 300;
const HEIGHT = 56;

/** values: oldest first, null where nothing is known; format: how a value reads. */
export class Chart extends Component {
  state = { at: null };

  // Drawn anew when there are new values, not with every word of the overview.
  shouldComponentUpdate(props, state) {
    return props.values !== this.props.values || props.now !== this.props.now || state.at !== this.state.at;
  }

  point(event) {
    const { left, width } = event.currentTarget.getBoundingClientRect();
    const { length } = this.props.values;
    this.setState({ at: Math.max(0, Math.min(length - 1, Math.round(((event.clientX - left) / width) * (length - 1)))) });
  }

  render({ title, values, step, now, format, unit }, { at }) {
    const known = [...values, now].filter((value) => value != null);
    const peak = known.length > 0 ? Math.max(...known) : 0;
    const span = duration(step * values.length);
    const shown = at == null ? now : values[at];
    const when = at == null ? `peak ${format(peak)} in ${span}` : `${duration((values.length - 1 - at) * step)} ago`;
    return html`<figure class="chart">
      <figcaption>
        <span class="chart-title">${title}</span>
        <span class="chart-value">${format(shown)}<small> ${unit}</small></span>
        <span class="chart-when">${values.length > 0 ? when : "nothing yet"}</span>
      </figcaption>
      <svg viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img"
        aria-label=${`${title}: now ${format(now)} ${unit}, peak ${format(peak)} in ${span}`}
        onPointerMove=${(event) => this.point(event)} onPointerLeave=${() => this.setState({ at: null })}>
        <line class="chart-base" x1="0" x2=${WIDTH} y1=${HEIGHT - 0.5} y2=${HEIGHT - 0.5} />
        <path class="chart-area" d=${areaOf(values, peak)} />
        <path class="chart-line" d=${lineOf(values, peak)} />
        ${at != null &&
          html`<line class="chart-cursor" x1=${x(at, values)} x2=${x(at, values)} y1="0" y2=${HEIGHT} />`}
      </svg>
    </figure>`;
  }
}

const x = (index, values) => ((index / Math.max(1, values.length - 1)) * WIDTH).toFixed(1);
const y = (value, peak) => (HEIGHT - 1 - (peak > 0 ? value / peak : 0) * (HEIGHT - 4)).toFixed(1);

// Runs of known values: [[index, value], ...] each.
function runsOf(values) {
  const runs = [];
  values.forEach((value, index) => {
    if (value == null) {
      return;
    }
    if (index === 0 || values[index - 1] == null) {
      runs.push([]);
    }
    runs.at(-1).push([index, value]);
  });
  return runs;
}

const pointsOf = (run, values, peak) => run.map(([index, value]) => `${x(index, values)} ${y(value, peak)}`).join("L");

const lineOf = (values, peak) =>
  runsOf(values)
    .map((run) => `M${pointsOf(run, values, peak)}${run.length === 1 ? "h.1" : ""}`)
    .join("");

const areaOf = (values, peak) =>
  runsOf(values)
    .map((run) => {
      const [from, to] = [x(run[0][0], values), x(run.at(-1)[0], values)];
      return `M${from} ${HEIGHT}L${pointsOf(run, values, peak)}L${to} ${HEIGHT}Z`;
    })
    .join("");
