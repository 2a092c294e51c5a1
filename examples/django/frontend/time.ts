// Times of day as the board writes them, "09:20".

export function minutes(time: string): number {
  const [hours, rest] = time.split(":").map(Number);
  return hours * 60 + rest;
}

/** How long to wait at `now` for what leaves at `leaves`, today or tomorrow. */
export function wait(now: string, leaves: string): string {
  const left = (minutes(leaves) - minutes(now) + 1440) % 1440;
  const hours = Math.floor(left / 60);
  return hours > 0 ? `${hours} h ${left % 60} min` : `${left} min`;
}
