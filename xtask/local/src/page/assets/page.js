// The page of the local stack. Prices come from the API, everything else from /_local/api/.
"use strict";

const byId = (id) => document.getElementById(id);
const meta = (name) => document.querySelector(`meta[name="${name}"]`).content;
const token = meta("token"), key = meta("key"), pageKey = meta("page-key"), certificate = meta("certificate");

// The interval between two reads of the state, and the longest interval between two reads of the prices.
const STATE_SECONDS = 1, PRICES_SECONDS = 15;

let currency = "USD", chosen = "BTC", prices = [], charts = new Map(), state = null;
let lastUpdate = 0, lastPrices = 0;

// Creates an element. A text among the children is never parsed as HTML.
function element(name, attributes = {}, ...children) {
  const svg = ["svg", "circle", "text", "polyline"].includes(name);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  made.append(...children);
  return made;
}

function showError(error) {
  byId("error").hidden = !error;
  byId("error").textContent = error ? `The local stack did not respond as expected: ${error.message ?? error}` : "";
}

async function callPage(endpoint, body) {
  const response = await fetch(`/_local/api/${endpoint}`, {
    method: body ? "POST" : "GET",
    headers: { "X-Local-Token": token },
    body: body && JSON.stringify(body),
  });
  const data = await response.json();
  if (!response.ok) throw new Error(data.error);
  return data;
}

// Sends a request to the API without the browser's cache. Returns the response, its text, and the
// body's size in bytes, decompressed (`plain`) and on the wire (`wire`). Only one request runs at a
// time, because the browser lists timings by URL.
let lastRequest = Promise.resolve();
function callApi(path, options) {
  lastRequest = lastRequest.catch(() => {}).then(() => send(path, options));
  return lastRequest;
}

async function send(path, { method = "GET", apiKey = pageKey, headers = {} } = {}) {
  performance.clearResourceTimings();
  const began = performance.now();
  const all = apiKey ? { "X-API-Key": apiKey, ...headers } : headers;
  const response = await fetch(path, { method, headers: all, cache: "no-store" });
  const text = await response.text();
  const milliseconds = performance.now() - began;
  const plain = new TextEncoder().encode(text).length;
  // The browser lists the timing some milliseconds after the body has arrived.
  for (let tries = 0; tries < 50; tries += 1) {
    const timing = performance.getEntriesByName(new URL(path, location).href).at(-1);
    if (timing) return { response, text, milliseconds, plain, wire: timing.encodedBodySize };
    await new Promise((done) => setTimeout(done, 10));
  }
  return { response, text, milliseconds, plain, wire: "unknown" };
}

const withCurrency = (path) => currency === "USD" ? path : `${path}${path.includes("?") ? "&" : "?"}currency=${currency}`;
const amount = (value) => value.toLocaleString("en", { maximumSignificantDigits: value >= 1000 ? 8 : 6 });

function duration(seconds) {
  if (seconds < 60) return `${Math.max(0, Math.round(seconds))} s`;
  return seconds < 3600 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

function change(percent) {
  if (percent === null) return element("span", {}, "-");
  return element("span", { class: percent < 0 ? "down" : "up" }, `${percent < 0 ? "" : "+"}${percent.toFixed(2)} %`);
}

function sparkline(values) {
  const drawn = element("svg", { viewBox: "0 0 100 28", preserveAspectRatio: "none", class: values.at(-1) < values[0] ? "down" : "up" });
  const low = Math.min(...values), range = Math.max(...values) - low || 1;
  const points = values.map((value, at) => `${100 * at / Math.max(1, values.length - 1)},${26 - 24 * (value - low) / range}`);
  drawn.append(element("polyline", { points: points.join(" "), fill: "none", stroke: "currentColor", "stroke-width": 1.5, "vector-effect": "non-scaling-stroke" }));
  return drawn;
}

function showPrices() {
  byId("price-rows").replaceChildren(...prices.map((price) => {
    const age = (Date.now() - Date.parse(price.lastUpdated)) / 1000;
    const name = element("td", {}, element("strong", {}, price.symbol), " ");
    if (price.stale) name.append(element("span", { class: "badge stale" }, "stale"));
    name.append(element("small", {}, price.name));
    const chart = charts.get(price.symbol);
    const row = element("tr", { "data-symbol": price.symbol, class: price.symbol === chosen ? "chosen" : "" },
      name,
      element("td", { class: "number price" }, amount(price.price)),
      element("td", { class: "number" }, change(price.change24h)),
      element("td", {}, chart?.length > 1 ? sparkline(chart) : ""),
      element("td", { class: "number" }, duration(age)));
    row.addEventListener("click", () => { chosen = price.symbol; showPrices(); readFace().catch(showError); });
    return row;
  }));
}

async function readPrices() {
  lastPrices = Date.now();
  const { response, text } = await callApi(withCurrency("/prices"));
  if (response.ok) {
    prices = JSON.parse(text).data;
    byId("price-note").textContent = "";
  } else {
    byId("price-note").textContent = `${response.status} ${text}`;
  }
  showPrices();
  await readFace();
  const health = await fetch("/health", { cache: "no-store", headers: { Accept: "application/json" } });
  const { status } = await health.json();
  byId("health").textContent = `/health ${health.status} ${status}`;
  byId("health").className = `badge ${health.ok ? "good" : "bad"}`;
}

async function readCharts() {
  for (const { symbol } of prices) {
    const { response, text } = await callApi(withCurrency(`/prices/${symbol}?include=detail`));
    if (response.ok) charts.set(symbol, (JSON.parse(text).data[0].chart24h ?? []).map((point) => point.price));
  }
  showPrices();
}

// Draws the watch face from the compact response alone.
async function readFace() {
  const path = withCurrency(`/prices/${chosen}?format=compact`);
  const { response, text, wire } = await callApi(path);
  byId("face-path").textContent = `GET ${path}`;
  byId("face-body").textContent = text;
  byId("face-bytes").textContent = `${wire} bytes on the wire (body)`;
  const write = (y, size, text, attributes = {}) => element("text", { x: 120, y, "font-size": size, "text-anchor": "middle", fill: "#fff", ...attributes }, text);
  const face = [
    element("circle", { cx: 120, cy: 120, r: 118, fill: "#2b2e34" }),
    element("circle", { cx: 120, cy: 120, r: 108, fill: "#000" }),
    write(50, 15, new Date().toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" }), { fill: "#9aa0a8" }),
  ];
  if (response.ok) {
    const [symbols, [price], [hundredths]] = JSON.parse(text);
    const isStale = symbols.endsWith("*");
    face.push(write(88, 22, symbols.replace("*", "")));
    const shown = amount(price);
    face.push(write(130, Math.min(38, 300 / shown.length), shown, { "font-weight": 600, fill: isStale ? "#9aa0a8" : "#fff" }));
    if (hundredths !== null) {
      const color = hundredths < 0 ? "#ff8a80" : "#52d08c";
      face.push(write(162, 20, `${hundredths < 0 ? "" : "+"}${(hundredths / 100).toFixed(2)} %`, { fill: color }));
    }
    if (isStale) face.push(write(190, 15, "old", { fill: "#f2c14e" }));
  } else {
    face.push(write(130, 20, `no price (${response.status})`));
  }
  byId("face").replaceChildren(...face);
}

// Replaces elements only if the data changed, so that an open log stays open.
const shown = new Map();
function showIfChanged(id, data, make) {
  const text = JSON.stringify(data);
  if (shown.get(id) === text) return;
  shown.set(id, text);
  byId(id).replaceChildren(...make(data));
}

function showState() {
  byId("build").hidden = !state.buildError;
  byId("build-error").textContent = state.buildError ?? "";
  const updates = state.invocations.filter(({ function: name, outcome }) => name === "update" && outcome);
  const every = duration(state.everySeconds);
  if (updates.length) {
    const [{ began, outcome, milliseconds }] = updates;
    const age = (Date.parse(state.now) - Date.parse(began)) / 1000;
    byId("last-update").textContent = `last update ${duration(age)} ago: ${outcome}`;
    byId("schedule").textContent = `An update every ${every}. The last one began at ${began}, took ${milliseconds} ms and ended with: ${outcome}. The next one begins in about ${duration(state.everySeconds - age)}.`;
  } else {
    byId("schedule").textContent = `An update every ${every}. No update is among the last requests and updates.`;
  }
  showIfChanged("alarms", state.alarms, (all) => all.map(({ name, description, state: alarm }) => element("details", {},
    element("summary", {}, element("span", { class: `badge ${alarm === "OK" ? "good" : alarm ? "bad" : ""}` }, alarm ?? "not evaluated here"), ` ${name}`),
    element("p", { class: "note" }, description))));
  showIfChanged("faults", state.faults, faultSwitches);
  const openNumbers = new Set([...document.querySelectorAll("#invocations details[open]")].map((open) => open.dataset.number));
  showIfChanged("invocations", state.invocations, (all) => all.map(({ number, function: name, process, began, request, outcome, milliseconds, lines, calls }) => {
    const text = `${began.slice(11, 19)} ${request || name}: ${outcome ?? "running"}${milliseconds === null ? "" : `, ${milliseconds} ms`}`;
    const open = openNumbers.has(String(number)) ? { open: "" } : {};
    return element("details", { "data-number": number, ...open },
      element("summary", {}, text), element("p", { class: "note" }, `${name}, process ${process}`),
      element("pre", { class: "calls" }, calls.join("\n") || "no recorded table calls"), element("pre", {}, lines.join("\n") || "no log lines"));
  }));
}

function faultSwitches(faults) {
  if (!faults) return [element("p", {}, "Prices do not come from the built-in feed, so there are no faults to switch.")];
  return ["first", "second"].map((provider) => {
    const group = element("fieldset", {}, element("legend", {}, `${provider} provider`));
    for (const { name, help } of faults.known) {
      const box = element("input", { type: "checkbox", name: `${provider}-${name}` });
      box.checked = faults[provider].includes(name);
      box.addEventListener("change", () => {
        callPage("fault", { provider, fault: name, on: box.checked }).catch(showError);
      });
      group.append(element("label", {}, box, name, " ", element("small", {}, help ?? "")));
    }
    return group;
  });
}

async function readTable() {
  const { kinds, keys } = await callPage("table");
  showIfChanged("keys", keys, (all) => all.map(({ id, name, enabled, limit, left }) => element("tr", {},
    element("td", {}, enabled ? name : `${name} (disabled)`), element("td", {}, element("code", {}, id)),
    element("td", { class: "number" }, String(limit ?? "-")), element("td", { class: "number left" }, String(left ?? "-")))));
  const openKinds = new Set([...document.querySelectorAll("#kinds details[open]")].map((open) => open.dataset.kind));
  showIfChanged("kinds", kinds, (all) => Object.entries(all).map(([kind, { count, items }]) => {
    const open = openKinds.has(kind) ? { open: "" } : {};
    const lines = items.map((item) => JSON.stringify(item)).join("\n");
    const note = items.length < count ? [element("p", { class: "note" }, `Only ${items.length} items are shown.`)] : [];
    return element("details", { "data-kind": kind, ...open }, element("summary", {}, `${kind} (${count})`), ...note, element("pre", {}, lines));
  }));
}

// The console.

const form = byId("request");

function request() {
  const field = (name) => form.elements[name].value.trim();
  const parameters = field("parameters");
  const path = parameters ? `${field("path")}${field("path").includes("?") ? "&" : "?"}${parameters}` : field("path");
  const headers = {};
  for (const line of field("headers").split("\n").filter((line) => line.includes(":"))) {
    const at = line.indexOf(":");
    headers[line.slice(0, at).trim()] = line.slice(at + 1).trim();
  }
  return { path: path.startsWith("/") ? path : `/${path}`, method: field("method"), apiKey: field("key"), headers };
}

function showCurl() {
  const { path, method, apiKey, headers } = request();
  const quote = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
  const words = ["curl", "--compressed", "-i"];
  if (certificate) words.push("--cacert", quote(certificate));
  if (method === "HEAD") words.push("--head");
  else if (method !== "GET") words.push("-X", method);
  if (apiKey) words.push("-H", quote(`X-API-Key: ${apiKey}`));
  for (const [name, value] of Object.entries(headers)) words.push("-H", quote(`${name}: ${value}`));
  byId("curl").textContent = [...words, quote(location.origin + path)].join(" ");
}

async function sendRequest(event) {
  event.preventDefault();
  const sent = request();
  const answer = await callApi(sent.path, sent);
  const { response, text } = answer;
  byId("response").hidden = false;
  byId("response-status").textContent = `${response.status} ${response.statusText}`;
  byId("response-time").textContent = `${answer.milliseconds.toFixed(0)} ms`;
  byId("response-headers").textContent = [...response.headers].map((header) => header.join(": ")).join("\n");
  try {
    byId("response-body").textContent = JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    byId("response-body").textContent = text;
  }
  const rows = [["decompressed", answer.plain], [response.headers.get("content-encoding") ?? "on the wire, not compressed", answer.wire]];
  if (sent.path.startsWith("/prices") && response.ok && !/format=/.test(sent.path)) {
    const compact = await callApi(`${sent.path}${sent.path.includes("?") ? "&" : "?"}format=compact`);
    if (compact.response.ok) {
      rows.push(["compact, decompressed", compact.plain]);
      rows.push([`compact, ${compact.response.headers.get("content-encoding") ?? "on the wire, not compressed"}`, compact.wire]);
    }
  }
  byId("response-bytes").tBodies[0].replaceChildren(...rows.map(([name, bytes]) => element("tr", {}, element("td", {}, name), element("td", { class: "number" }, `${bytes} bytes`))));
}

function openSection() {
  const name = location.hash.slice(1);
  const open = document.querySelector(`main > section#${["console", "reference", "inside"].includes(name) ? name : "prices"}`);
  for (const section of document.querySelectorAll("main > section")) section.hidden = section !== open;
  for (const link of document.querySelectorAll("nav a")) link.classList.toggle("open", link.hash === `#${open.id}`);
  if (open.id === "reference" && !byId("viewer").src) byId("viewer").src = "/_local/reference/";
  if (open.id === "inside") readTable().catch(showError);
}

// Reads the state, and the prices after each update.
async function poll() {
  try {
    state = await callPage("state");
    showState();
    const update = state.invocations.find(({ function: name, outcome }) => name === "update" && outcome);
    const isNew = update && update.number !== lastUpdate;
    if (isNew || Date.now() - lastPrices > 1000 * PRICES_SECONDS) {
      lastUpdate = update?.number ?? lastUpdate;
      await readPrices();
    }
    if (!byId("inside").hidden) await readTable();
    showError(null);
  } catch (error) {
    showError(error);
  }
  setTimeout(poll, 1000 * STATE_SECONDS);
}

form.elements.key.value = key;
byId("reference-key").textContent = key;
form.addEventListener("input", showCurl);
form.addEventListener("submit", (event) => sendRequest(event).catch(showError));
byId("update").addEventListener("click", () => callPage("update", {}).catch(showError));
byId("currency").addEventListener("change", ({ target }) => {
  currency = target.value;
  charts = new Map();
  readPrices().then(readCharts).catch(showError);
});
addEventListener("hashchange", openSection);
showCurl();
openSection();
poll().then(readCharts).catch(showError);
setInterval(() => readCharts().catch(showError), 300_000);
setInterval(showPrices, 5_000);
