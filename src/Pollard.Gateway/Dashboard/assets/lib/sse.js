// Server-sent events out of the body of a response, for requests that EventSource cannot make.

/** The `data` of each event. */
export async function* eventsOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    while (true) {
      const { value, done } = await reader.read();
      if (done) {
        return;
      }
      const events = (rest + value).split(/\r?\n\r?\n/);
      rest = events.pop();
      for (const event of events) {
        const data = event.split(/\r?\n/).filter((line) => line.startsWith("data:"));
        if (data.length > 0) {
          yield data.map((line) => line.slice(5).replace(/^ /, "")).join("\n");
        }
      }
    }
  } finally {
    await reader.cancel().catch(() => {}); // The line may be broken already.
  }
}
