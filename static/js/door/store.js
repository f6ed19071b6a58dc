// What this scanner has let in, kept on the device: so that nobody comes in twice here, and nothing is lost unsent.

const MOST = 5000;

// `scans` by ticket: { scanId, code, skuId, at, sent, problem }. Newest last.
export class Store {
  constructor(slug) {
    this.name = `tc:door:${slug}`;
    this.scans = new Map(JSON.parse(localStorage.getItem(this.name) ?? "[]"));
  }

  get waiting() {
    return [...this.scans].filter(([, scan]) => !scan.sent);
  }

  get conflicts() {
    return [...this.scans].filter(([, scan]) => scan.problem);
  }

  get(ticketId) {
    return this.scans.get(ticketId);
  }

  // Kept before anybody is told to go in. Throws where the device has no room.
  put(ticketId, scan) {
    this.scans.set(ticketId, scan);
    for (const [id, old] of this.scans) {
      if (this.scans.size <= MOST) break;
      if (old.sent) this.scans.delete(id);
    }
    localStorage.setItem(this.name, JSON.stringify([...this.scans]));
  }

  drop(ticketId) {
    this.scans.delete(ticketId);
    localStorage.setItem(this.name, JSON.stringify([...this.scans]));
  }
}
