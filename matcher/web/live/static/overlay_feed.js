// The WebSocket to the server: connects again after whatever happens, goes on where it was, and knows the server's clock.

const SILENT_MS = 3500; // the server says something of the cards every half second
const FIRST_MS = 250;
const MOST_MS = 5000;
const PING_MS = 2000;
const PINGS = 10;

export class Feed {
  // Calls `told(message)` with each message of the server, and `linked(whether)` when the link comes or breaks.
  constructor(stream, told, linked) {
    Object.assign(this, { stream, told, linked, epoch: "", version: 0, seq: 0, wait: FIRST_MS, pings: [] });
    this.sure = -Infinity; // when the server last said that the cards which we know are right
    setInterval(() => this.watch(), 500);
    setInterval(() => this.ping(), PING_MS);
    this.connect();
  }

  // The server's clock in milliseconds; NaN while it is unknown.
  now() {
    return performance.now() + this.offset();
  }

  offset() {
    if (!this.pings.length) return NaN;
    return this.pings.reduce((best, one) => (one.trip < best.trip ? one : best)).offset;
  }

  connect() {
    const query = new URLSearchParams({ epoch: this.epoch, version: this.version, seq: this.seq });
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/live/feed/${encodeURIComponent(this.stream)}?${query}`);
    this.socket = socket;
    this.heard = performance.now();
    const known = this.epoch;
    socket.onopen = () => {
      this.pings = []; // another server has another clock
      this.ping();
      if (this.epoch !== known) this.ask({ k: "again" });
      this.linked(true);
    };
    socket.onmessage = (event) => this.hear(JSON.parse(event.data));
    socket.onclose = () => this.again(socket);
  }

  hear(message) {
    const now = performance.now();
    if (message.k === "pong") {
      const trip = now - message.c;
      this.pings = [...this.pings, { trip, offset: message.s + trip / 2 - now }].slice(-PINGS);
      return;
    }
    this.heard = this.sure = now;
    this.wait = FIRST_MS; // not before: a server that lets us in and then says nothing is not to be asked so often
    if (message.k === "cards") Object.assign(this, { epoch: message.epoch, version: message.version });
    if (message.seq) this.seq = message.seq;
    this.told(message);
  }

  again(socket) {
    if (socket !== this.socket) return;
    this.socket = null;
    this.linked(false);
    // With jitter, so that the pages of a server that comes back do not all come in the same moment.
    setTimeout(() => this.connect(), this.wait * (0.5 + Math.random()));
    this.wait = Math.min(this.wait * 2, MOST_MS);
  }

  watch() {
    const socket = this.socket;
    if (socket && performance.now() - this.heard > SILENT_MS) {
      socket.close();
      this.again(socket); // a dead link takes long to close
    }
  }

  ping() {
    this.ask({ k: "ping", c: performance.now() });
  }

  // Know nothing of the cards any more, and have the server tell all anew.
  forget() {
    this.epoch = "";
    this.ask({ k: "again" });
  }

  ask(question) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(question));
  }
}
