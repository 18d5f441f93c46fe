// Whether the server can take a call.

const LOADING_MS = 1000;
const SILENCE_MS = 10000; // a host that takes the request and then says nothing

/**
 * Wait until the models are loaded. Throws when the server is not there.
 * @param {() => boolean} wanted whether anybody still waits
 * @param {(waiting: string[]) => void} onLoading
 */
export async function modelsReady(wanted, onLoading) {
  while (wanted()) {
    const signal = AbortSignal.timeout(SILENCE_MS);
    const response = await fetch("readyz", { cache: "no-store", signal });
    if (response.ok) return;
    if (response.status !== 503) throw new Error(`readyz: ${response.status}`);
    const { waiting_for: waiting = [] } = await response.json();
    if (wanted()) onLoading(waiting);
    await new Promise((resolve) => setTimeout(resolve, LOADING_MS));
  }
}
