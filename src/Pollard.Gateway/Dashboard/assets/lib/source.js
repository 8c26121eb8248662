/** A value that tells who listens when it changes. */
export class Source {
  #listeners = new Set();

  constructor(value) {
    this.value = value;
  }

  /** How many listen. */
  get listeners() {
    return this.#listeners.size;
  }

  set(value) {
    if (Object.is(this.value, value)) {
      return;
    }
    this.value = value;
    // A copy: a listener may end another while it is told.
    [...this.#listeners].forEach((listener) => this.#listeners.has(listener) && listener(value));
  }

  /** Calls the listener at every change; what comes back ends that. */
  listen(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
