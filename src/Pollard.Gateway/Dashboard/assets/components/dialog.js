import { html, Component, createRef } from "../lib/html.js";
import { Trouble } from "./bits.js";

/** A dialog over the page; Esc closes it. */
export class Dialog extends Component {
  element = createRef();

  componentDidMount() {
    this.element.current.showModal();
  }

  render({ title, children, onClose, wide }) {
    return html`<dialog ref=${this.element} class=${wide ? "wide" : null} aria-labelledby="dialog-title"
      onClose=${onClose}>
      <div class="dialog-head">
        <h2 id="dialog-title">${title}</h2>
        <button type="button" class="quiet" aria-label="Close" onClick=${onClose}>✕</button>
      </div>
      ${children}
    </dialog>`;
  }
}

/** A form in a dialog: sends what is in it, shows why that failed, and stays open then. */
export class FormDialog extends Component {
  state = { busy: false, problem: null };

  async submit(event) {
    event.preventDefault();
    if (this.state.busy) {
      return;
    }
    this.setState({ busy: true, problem: null });
    try {
      await this.props.onSubmit(new FormData(event.target));
    } catch (problem) {
      this.setState({ problem });
    }
    this.setState({ busy: false });
  }

  render({ title, action, danger, children, onClose, wide }, { busy, problem }) {
    return html`<${Dialog} title=${title} onClose=${onClose} wide=${wide}>
      <form onSubmit=${(event) => this.submit(event)}>
        ${children}
        <${Trouble} problem=${problem} />
        <div class="dialog-foot">
          <button type="button" autofocus=${danger} onClick=${onClose}>${danger ? "Keep" : "Cancel"}</button>
          <button type="submit" class=${danger ? "danger" : "primary"} aria-busy=${busy}
            disabled=${busy}>${action}</button>
        </div>
      </form>
    <//>`;
  }
}

/** A line of a form: a label, its field, and what the field means. */
const Field = ({ label, hint, children, name }) => html`<div class="field">
  <label for=${`field-${name}`}>${label}</label>
  ${children}
  ${hint && html`<p class="hint" id=${`hint-${name}`}>${hint}</p>`}
</div>`;

/** A field of one line. */
export const Input = ({ label, hint, name, ...rest }) => html`<${Field} label=${label} hint=${hint} name=${name}>
  <input id=${`field-${name}`} name=${name} autocomplete="off" aria-describedby=${hint ? `hint-${name}` : null}
    ...${rest} />
<//>`;

/** A choice of a few; options are [value, text]. */
export const Choice = ({ label, hint, name, options, value, ...rest }) => html`<${Field} label=${label}
  hint=${hint} name=${name}>
  <select id=${`field-${name}`} name=${name} value=${value} aria-describedby=${hint ? `hint-${name}` : null}
    ...${rest}>
    ${options.map(([key, text]) => html`<option value=${key} selected=${key === value}>${text}</option>`)}
  </select>
<//>`;

/** Numbers of a form, absent where nothing was typed. */
export const numberOf = (form, name) => {
  const text = form.get(name)?.trim();
  return text ? Number(text) : null;
};
