// The one place where the page meets its two libraries.
import htm from "../vendor/htm.js";
import { Component, Fragment, createRef, h, render } from "../vendor/preact.js";

export const html = htm.bind(h);
export { Component, Fragment, createRef, render };

/** A component that is drawn again when one of its sources changes. */
export class Live extends Component {
  /** The sources that it shows; asked once. */
  sources() {
    return [];
  }

  componentDidMount() {
    this.stops = this.sources().map((source) => source.listen(() => this.setState({})));
  }

  componentWillUnmount() {
    this.stops.forEach((stop) => stop());
  }
}
