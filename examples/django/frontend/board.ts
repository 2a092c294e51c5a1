import { wait } from "./time.ts";

type Next = { ferry: string; route: string; leaves: string; asked: number };

const now = new Date().toTimeString().slice(0, 5);
const next: Next = await (await fetch(`/api/next?after=${now}`)).json();
const line = document.getElementById("next")!;
line.textContent = `In ${wait(now, next.leaves)}: ${next.route}. Asked ${next.asked} times.`;
