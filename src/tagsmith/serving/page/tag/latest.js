// Asking while someone types: not at each keystroke, and only the newest question counts.

/**
 * Return `again(wait)`, which asks once nothing new came for `wait` milliseconds, and `stop()`.
 *
 * `ask(signal)` is given up as soon as there is a newer question; then neither `answered` nor `failed` is called.
 */
export function latest(ask, { answered, failed }) {
  let timer = 0;
  let control = new AbortController();

  function stop() {
    clearTimeout(timer);
    control.abort();
  }

  async function run(signal) {
    try {
      const answer = await ask(signal);
      if (!signal.aborted) answered(answer);
    } catch (error) {
      if (!signal.aborted) failed(error);
    }
  }

  function again(wait) {
    stop();
    control = new AbortController();
    timer = setTimeout(run, wait, control.signal);
  }

  return { again, stop };
}
