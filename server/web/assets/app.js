"use strict";
// Draws the pictures that /events sends. Text is only ever set as text: names come from a configuration.

const SVG = "http://www.w3.org/2000/svg";

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function shape(name, attributes, text = "") {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

const number = (value) => value.toLocaleString("en");
const rate = (value) => (value >= 100 ? number(Math.round(value)) : value.toFixed(1));
const sum = (counts) => Object.values(counts).reduce((total, each) => total + each, 0);
const reasons = (counts) => Object.entries(counts).map(([name, count]) => `${name} ${number(count)}`).join(", ");

// The time alone of what was today, the date as well of what was before.
function time(text) {
  if (!text) return "";
  const moment = new Date(text), whole = moment.toLocaleString("sv");
  return moment.toDateString() === new Date().toDateString() ? whole.slice(11) : whole;
}

function role(name) {
  return element("span", { class: `role ${name}` }, name || "unknown");
}

function said(text, good) {
  return element("span", { class: good ? "good" : "bad" }, text || "unknown");
}

// A table is replaced only when it differs, so that what a reader has marked or scrolled stays.
function table(id, heads, rows, empty) {
  const target = document.getElementById(id);
  const body = element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map(cell))));
  if (!rows.length) body.append(element("tr", {}, element("td", { class: "quiet" }, empty)));
  const head = element("tr", {}, ...heads.map((each) => element("th", { class: each.startsWith("#") ? "n" : "" }, each.replace("#", ""))));
  const made = element("table", {}, element("thead", {}, head), body);
  if (made.innerHTML !== target.innerHTML) target.replaceChildren(...made.children);
}

function cell(value) {
  if (typeof value === "number") return element("td", { class: "n" }, number(value));
  if (value instanceof Element) return element("td", {}, value);
  if (value && value.rate !== undefined) return element("td", { class: "n" }, rate(value.rate));
  if (value && value.text !== undefined) return element("td", { class: "text" }, value.text);
  return element("td", {}, value);
}

function profiles(picture) {
  table("profiles", ["name", "role", "peer", "since", "why", "#groups", "#members", "#retained"],
    picture.profiles.map((each) => [each.name, role(each.role), role(each.peer_role), time(each.since), each.reason,
      each.groups, each.entries, each.retained]), "no profile is configured");
}

function copying(picture) {
  const rows = picture.profiles.flatMap((profile) => profile.copying.map((each) => [
    profile.name, `${each.protocol} ${each.type}`, said(each.state, each.state === "active"),
    { rate: each.copied_rate }, { rate: each.applied_rate }, each.copied, each.applied,
    { text: reasons(each.not_copied) + (each.mismatch ? " (the peer is set otherwise)" : "") }]));
  table("copying", ["profile", "messages", "state", "#copied/s", "#applied/s", "#copied", "#applied", "not copied"],
    rows, "no profile is configured");
}

function services(picture) {
  table("services", ["name", "peer", "channel", "security", "sync", "#sent/s", "#received/s", "#dropped", "#gaps", "remarks"],
    picture.services.map((each) => [each.name, each.peer, said(each.channel, each.channel === "connected"), each.security,
      said(each.sync, each.sync === "in-sync"), { rate: each.sent_rate }, { rate: each.received_rate }, each.dropped, each.gaps,
      { text: [each.channel === "connected" ? "" : each.down_reason, ...each.mismatches].filter(Boolean).join("; ") }]),
    "no service is configured");
}

function interfaces(picture) {
  table("interfaces", ["name", "side", "profile", "plane", "querier", "#received/s", "#sent/s", "#dropped/s", "dropped"],
    picture.interfaces.map((each) => [each.name, each.side, each.profile, each.plane, each.querier,
      { rate: each.received_rate }, { rate: each.sent_rate }, { rate: each.dropped_rate }, { text: reasons(each.dropped) }]),
    "no interface has multicast");
}

function groups(picture) {
  const missing = picture.more.groups || 0;
  const more = missing ? `, the first ${number(picture.groups.length)} of ${number(picture.groups.length + missing)}` : "";
  document.getElementById("group-count").textContent = picture.groups.length ? `one row for each member${more}` : "";
  table("groups", ["group", "subscriber", "interface", "profile", "origin", "forwarded"],
    picture.groups.map((each) => [each.group, each.subscriber, each.interface, each.profile, each.origin,
      each.forwarding ? said("yes", true) : element("span", { class: "quiet" }, `no: ${each.why}`)]), "nobody has joined");
}

function events(picture) {
  table("events", ["time", "what", "where", "content"],
    [...picture.events].reverse().map((each) => [time(each.time), each.what, each.where, { text: each.text }]),
    "nothing has been notified yet");
}

// Cut the first part of a text, which its element holds, until both fit into a width; the second part stays.
function fit(made, width, first, second) {
  for (let most = first.length; made.getComputedTextLength() > width && most > 1; most -= 1) {
    made.textContent = `${first.slice(0, most - 1)}\u2026${second}`;
  }
}

// What a map says of the channels: their state when all have the same, else how many are connected.
function channels(services) {
  const states = [...new Set(services.map((each) => each.channel || "unknown"))];
  const connected = services.filter((each) => each.channel === "connected").length;
  return states.length > 1 ? `${connected}/${services.length} connected` : states[0] || "no channel";
}

// The map: a core above, the two routers side by side, the subscribers below.
function map(picture) {
  const rows = Math.max(1, Math.min(4, picture.profiles.length));
  const more = picture.profiles.length - rows;
  const height = 52 + 22 * (rows + (more > 0)), top = 92, bottom = top + height, middle = top + height / 2;
  const parts = [], cut = [];
  const text = (x, y, width, kind, first, second = "", anchor = "middle") => {
    const made = shape("text", { x, y, class: kind, "text-anchor": anchor }, `${first}${second}`);
    parts.push(made);
    cut.push(() => fit(made, width, first, second));
  };
  const line = (x1, y1, x2, y2, kind) => parts.push(shape("line", { x1, y1, x2, y2, class: kind }));
  const net = (y, content) => {
    parts.push(shape("rect", { x: 40, y, width: 500, height: 32, rx: 16, class: "net" }));
    text(290, y + 21, 470, "quiet", content);
  };
  const names = (side) => picture.interfaces.filter((each) => each.side === side).map((each) => each.name).join(", ");
  const peers = picture.services.map((each) => each.peer).join(", ");
  const ours = picture.profiles.map((each) => each.role), theirs = picture.profiles.map((each) => each.peer_role);
  for (const [x, roles, name, here, over, under] of [[115, ours, picture.router, " (here)", names("upstream"), names("access")],
    [465, theirs, peers || "no peer", "", "", ""]]) {
    const kind = roles.includes("master") ? "master" : roles.includes("backup") ? "backup" : "";
    const stream = kind === "master" ? "stream" : "";
    line(x, 40, x, top, stream);
    line(x, bottom, x, bottom + 42, stream);
    text(x + 10, 72, 320, "quiet", over, "", "start");
    text(x + 10, bottom + 26, 320, "quiet", under, "", "start");
    parts.push(shape("rect", { x: x - 105, y: top, width: 210, height, rx: 6, class: `box ${kind}` }));
    text(x, top + 23, 192, "title", name, here);
    picture.profiles.slice(0, rows).forEach((each, place) => text(x, top + 48 + 22 * place, 192, "", each.name, `: ${roles[place] || "unknown"}`));
    if (more > 0) text(x, top + 48 + 22 * rows, 192, "quiet", `and ${number(more)} more`);
  }
  const connected = picture.services.length > 0 && picture.services.every((each) => each.channel === "connected");
  line(220, middle, 360, middle, connected ? "up" : "down");
  text(290, middle - 8, 132, connected ? "good" : "bad", channels(picture.services));
  text(290, middle + 19, 132, "quiet", [...new Set(picture.services.map((each) => each.security))].filter(Boolean).join(", "));
  net(8, "core");
  const members = picture.profiles.reduce((total, each) => total + each.entries, 0);
  net(bottom + 42, `subscribers: ${number(members)} members`);
  const target = document.getElementById("map");
  target.setAttribute("viewBox", `0 0 580 ${bottom + 82}`);
  target.setAttribute("aria-label", `Here ${ours.join(", ") || "no role"}, peer ${theirs.join(", ") || "no role"}, channel ${channels(picture.services)}`);
  target.replaceChildren(...parts);
  for (const each of cut) each();
}

function live(state, words) {
  const target = document.getElementById("live");
  if (target.dataset.state === state && target.textContent === words) return;
  target.dataset.state = state;
  target.textContent = words;
  document.body.classList.toggle("stale", state === "lost");
}

function banner(words) {
  const target = document.getElementById("banner");
  target.hidden = !words;
  target.textContent = words;
}

let latest = null;
addEventListener("resize", () => latest && map(latest)); // the letters have another size then

function show(picture) {
  latest = picture;
  document.title = `${picture.router} - Twincast`;
  document.getElementById("router").textContent = picture.router;
  for (const draw of [map, profiles, copying, services, interfaces, groups, events]) draw(picture);
  banner(warning(picture));
  const left = Object.entries(picture.more).filter(([name]) => name !== "groups");
  document.getElementById("more").textContent = left.map(([name, count]) => `${number(count)} more ${name} are not shown.`).join(" ");
}

function warning(picture) {
  if (!picture.state) return "The dataplane does not answer: what is shown is the configuration alone.";
  const both = picture.profiles.filter((each) => each.role === "master" && each.peer_role === "master");
  if (both.length) return `Both routers are master of ${both.map((each) => each.name).join(", ")}.`;
  const lost = picture.services.filter((each) => each.enabled && each.channel !== "connected");
  return lost.length ? `The channel of ${lost.map((each) => each.name).join(", ")} is lost: joins are not copied.` : "";
}

function listen() {
  const source = new EventSource("/events");
  source.onmessage = (message) => {
    live("live", "live");
    show(JSON.parse(message.data));
  };
  source.onopen = () => live("live", "live");
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 2000); // refused: the browser gives up by itself
    if (document.body.classList.contains("stale")) return;
    live("lost", "not live");
    banner(`The server does not answer. What is shown was so at ${new Date().toLocaleTimeString("sv")}.`);
  };
}

listen();
