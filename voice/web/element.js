// Making elements.

/**
 * @param {string} tag
 * @param {string} [name] its class
 * @param {...(Node | string)} children
 */
export function element(tag, name = "", ...children) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.append(...children);
  return made;
}

/** Words for those who listen to the page. @param {string} text */
export function aloud(text) {
  return element("span", "aloud", text);
}

/** @param {string} name of a symbol in index.html */
export function icon(name) {
  const namespace = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(namespace, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(namespace, "use");
  use.setAttribute("href", `#${name}`);
  svg.append(use);
  return svg;
}
