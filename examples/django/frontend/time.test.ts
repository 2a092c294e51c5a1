import assert from "node:assert/strict";
import { test } from "node:test";
import { wait } from "./time.ts";

test("a wait is said in hours and minutes, and may go past midnight", () => {
  assert.equal(wait("09:00", "09:20"), "20 min");
  assert.equal(wait("09:20", "09:20"), "0 min");
  assert.equal(wait("09:00", "12:05"), "3 h 5 min");
  assert.equal(wait("23:30", "07:40"), "8 h 10 min");
});
