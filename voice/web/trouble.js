// What can go wrong, in words, with what to do.

/** @typedef {{text: string, action?: "again" | "microphone" | "reload"}} Trouble */

export const SERVER_SILENT = {
  text: "The server does not answer. Start it with “make demo”, then reload this page.",
  action: /** @type {const} */ ("reload"),
};

export const SLOW = {
  text: "Slow connection: part of what you say is not sent. Move closer to the network, or type.",
};

export const MICROPHONE_LEFT = {
  text: "The microphone went away. Plug it in again, or type.",
  action: /** @type {const} */ ("microphone"),
};

/** @param {string[]} waiting */
export function loading(waiting) {
  const models = waiting.length ? ` (${waiting.join(", ")})` : "";
  return { text: `The server is still loading its models${models}. The call begins by itself.` };
}

/**
 * Why the page connects again, and when.
 * @param {number} seconds @param {string} full the server's words when all its lines are busy
 */
export function gone(seconds, full) {
  const when = seconds ? `Trying again in ${seconds} s` : "Trying again now";
  return {
    text: full
      ? `The server is full: ${cause(full)}. ${when}.`
      : `The server is gone. ${when}. If it was stopped, start it with “make demo”.`,
    action: /** @type {const} */ ("again"),
  };
}

/** Without the server's advice, as the page gives its own. @param {string} reason */
function cause(reason) {
  return reason.split(";")[0];
}

/** @param {Error} error @returns {Trouble} */
export function noSound(error) {
  return {
    text: `This browser cannot play sound (${error.message}). Reload the page, or try another browser.`,
    action: "reload",
  };
}

/**
 * Why a call is over for good; null where it is worth trying again.
 * @param {number} code @param {string} reason @returns {Trouble | null}
 */
export function ending(code, reason) {
  switch (code) {
    case 1000:
      return { text: reason ? `The call has ended: ${reason}.` : "The call has ended." };
    case 1003:
    case 1007:
    case 1009:
      return {
        text: `The server did not understand this page (${reason || code}). Reload it.`,
        action: "reload",
      };
    case 1013:
      return {
        text: `The server is full: ${cause(reason) || "all lines are busy"}. Try again in a moment.`,
        action: "again",
      };
    case 4400:
      return {
        text: `The server refused the call: ${reason}. Choose another agent, model or voice.`,
      };
    case 4408:
      return {
        text: `The call was ended: ${reason || "nothing was received"}.`,
        action: "again",
      };
    default:
      return null;
  }
}

/** @param {{name: string, message: string}} error of getUserMedia @returns {Trouble} */
export function microphone(error) {
  const action = /** @type {const} */ ("microphone");
  switch (error.name) {
    case "NotAllowedError":
    case "SecurityError":
      return {
        text: "The microphone was refused. Allow it beside the address and try again, or type.",
        action,
      };
    case "NotFoundError":
    case "OverconstrainedError":
      return { text: "No microphone was found. Plug one in and try again, or type.", action };
    case "NotReadableError":
    case "AbortError":
      return {
        text: "Another program uses the microphone. Close it and try again, or type.",
        action,
      };
    case "InsecureContext":
      return {
        text: `Browsers give the microphone to pages on https or localhost only, not to ${location.host}. Open the page on the server's own machine, or put https in front; until then, type.`,
      };
    default:
      return { text: `The microphone cannot be used (${error.message}). Type instead.`, action };
  }
}
