// A long text, whole, in a scroller. Its pieces come into the document a few at a time, so that a megabyte holds up nothing.
import { html, Component, createRef } from "../lib/html.js";
import { visible } from "../lib/text.js";
import { bytes } from "../lib/format.js";
import { Copy } from "./bits.js";

const PIECE = 16 * 1024;
const PIECES_AT_ONCE = 4;

/** text grows while epoch stays; another epoch is another text. follow: stays at the end while the reader is there. */
export class TextPane extends Component {
  scroller = createRef();
  drawn = 0;
  frame = null;

  componentDidMount() {
    this.draw();
  }

  componentDidUpdate(before) {
    if (before.epoch !== this.props.epoch || !this.props.text.startsWith(before.text)) {
      this.scroller.current.replaceChildren();
      this.drawn = 0;
    }
    this.draw();
  }

  componentWillUnmount() {
    cancelAnimationFrame(this.frame);
  }

  draw() {
    cancelAnimationFrame(this.frame);
    const pane = this.scroller.current;
    const { text, follow } = this.props;
    const atEnd = pane.scrollTop + pane.clientHeight >= pane.scrollHeight - 40;
    for (let pieces = 0; this.drawn < text.length && pieces < PIECES_AT_ONCE; pieces++) {
      this.append(pane, text);
    }
    if (follow && atEnd) {
      pane.scrollTop = pane.scrollHeight;
    }
    if (this.drawn < text.length) {
      this.frame = requestAnimationFrame(() => this.draw());
    }
  }

  // The last piece grows until it is full; then another begins, at a line break where there is one.
  append(pane, text) {
    let last = pane.lastElementChild;
    if (!last || last.size >= PIECE) {
      last = document.createElement("div");
      last.className = "piece";
      last.size = 0;
      pane.append(last);
    }
    const end = endOfPiece(text, this.drawn, PIECE - last.size);
    const more = visible(text.slice(this.drawn, end));
    if (last.firstChild) {
      last.firstChild.appendData(more);
    } else {
      last.append(document.createTextNode(more));
    }
    last.size += end - this.drawn;
    if (text[end - 1] === "\n" && last.size >= PIECE / 2) {
      last.size = PIECE;
    }
    this.drawn = end;
  }

  shouldComponentUpdate(props) {
    return props.text !== this.props.text || props.epoch !== this.props.epoch;
  }

  render({ text, label, note }) {
    return html`<div class="text-pane">
      <div class="text-pane-bar">
        <span>${label}</span><span class="muted">${note ?? bytes(text.length)}</span>
        <${Copy} text=${text} what=${label} />
      </div>
      <div class="text-pane-text" ref=${this.scroller} tabindex="0" role="region" aria-label=${label}
        dir="auto"></div>
    </div>`;
  }
}

function endOfPiece(text, start, most) {
  if (text.length - start <= most) {
    return text.length;
  }
  const end = start + most;
  const lineEnd = text.lastIndexOf("\n", end - 1) + 1;
  if (lineEnd > start + most / 2) {
    return lineEnd;
  }
  const last = text.charCodeAt(end - 1);
  return last >= 0xd800 && last <= 0xdbff ? end + 1 : end;
}
