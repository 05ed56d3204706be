// What the overlay's address may say, with defaults. The settings page writes such addresses, the overlay reads them.

const CHOICES = {
  layout: ["follow", "lower", "side"],
  edge: ["right", "left"],
  theme: ["dark", "light", "clear", "bold"],
  fit: ["contain", "cover", "fill"],
};
const NUMBERS = { scale: [0.5, 2.5, 1], safe: [0, 20, 4], delay: [0, 15000, 0], radius: [0, 40, 12] };
const SWITCHES = { photo: true, price: true, shop: true, qr: false, tier: false, dot: true };
const COLOUR = /^#[0-9a-f]{6}$/i;
const FONT = /^[\w ,'-]{1,80}$/;

// The options of an address's query; what is missing or wrong there is as by default.
export function read(query) {
  const options = { accent: "", font: "" };
  for (const [name, values] of Object.entries(CHOICES)) {
    options[name] = values.includes(query.get(name)) ? query.get(name) : values[0];
  }
  for (const [name, [least, most, usual]] of Object.entries(NUMBERS)) {
    const value = query.has(name) && query.get(name) !== "" ? Number(query.get(name)) : usual;
    options[name] = Number.isFinite(value) ? Math.min(Math.max(value, least), most) : usual;
  }
  for (const [name, usual] of Object.entries(SWITCHES)) {
    options[name] = query.has(name) ? query.get(name) === "1" : usual;
  }
  if (COLOUR.test(query.get("accent") ?? "")) options.accent = query.get("accent");
  if (FONT.test(query.get("font") ?? "")) options.font = query.get("font");
  return options;
}

// The shortest query that `read` understands as these options.
export function write(options) {
  const usual = read(new URLSearchParams());
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(read(asQuery(options)))) {
    if (value !== usual[name]) query.set(name, value === true ? "1" : value === false ? "0" : value);
  }
  return query;
}

// Sets what style sheets look at: attributes of the root element, and CSS variables, which OBS's own CSS may set too.
export function apply(options, root) {
  for (const name of ["layout", "edge", "theme"]) root.dataset[name] = options[name];
  for (const name of Object.keys(SWITCHES)) root.classList.toggle(`no-${name}`, !options[name]);
  const values = { "--scale": options.scale, "--radius": `${options.radius}px`, "--accent": options.accent };
  values["--font"] = options.font && `${options.font}, system-ui, sans-serif`;
  for (const [name, value] of Object.entries(values)) {
    if (value === "") root.style.removeProperty(name);
    else root.style.setProperty(name, value);
  }
}

function asQuery(options) {
  const entries = Object.entries(options).map(([name, value]) => [name, value === true ? "1" : value === false ? "0" : String(value)]);
  return new URLSearchParams(entries);
}
