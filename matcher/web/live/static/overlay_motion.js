// Where things are between the moments at which the server said so.

const KEPT = 600; // the longest delay, and more
const AHEAD_MS = 50; // a box is moved on for so long at most where the next one is late

// The boxes of one card over time, as shares of the picture.
export class Path {
  constructor() {
    this.points = [];
  }

  add(time, box, shot) {
    this.points.push({ time, box, shot });
    if (this.points.length > KEPT) this.points.shift();
  }

  // The box at a time of the server's clock, and its shot; the newest one where the time is not given.
  at(time) {
    const points = this.points;
    const last = points[points.length - 1];
    if (!last) return null;
    if (!Number.isFinite(time) || time >= last.time + AHEAD_MS || points.length < 2) return last;
    let after = points.length - 1;
    while (after > 0 && points[after - 1].time > time) after--;
    const [from, to] = after ? [points[after - 1], points[after]] : [points[0], points[0]];
    if (from.shot !== to.shot || to.time <= from.time) return time >= to.time ? to : from;
    const share = (time - from.time) / (to.time - from.time);
    return { box: from.box.map((value, i) => value + (to.box[i] - value) * share), shot: from.shot };
  }
}

// A place on screen that glides to where it should be.
export class Glide {
  constructor(settleMs) {
    Object.assign(this, { settleMs, x: NaN, y: NaN });
  }

  // Moves on by `elapsed` milliseconds towards a place; jumps there at first, and where told so.
  to(x, y, elapsed, jump) {
    const share = jump || Number.isNaN(this.x) ? 1 : 1 - Math.exp(-elapsed / this.settleMs);
    this.x = share === 1 ? x : this.x + (x - this.x) * share;
    this.y = share === 1 ? y : this.y + (y - this.y) * share;
  }
}
