// imapflow at the other end of a pipe: one JSON request a line, one JSON answer a line. `test_clients_libraries.py` starts it
// with the directory in which it is installed. A request is {call, words}: a method of the client, or one of `own`.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const { ImapFlow } = createRequire(`${process.argv[2]}/`)("imapflow");
let client, events = [], told = [];

const gathered = async (things) => {
  const found = [];
  for await (const each of things) found.push(each);
  return found;
};

const own = {
  async connect(options) {
    events = [], told = [];
    const logger = { trace() {}, debug({ msg, src }) { if (src === "s" || src === "c") told.push(`${src} ${msg}`); }, info() {}, warn() {}, error() {} };
    client = new ImapFlow({ ...options, logger });
    for (const name of ["exists", "flags", "expunge"]) client.on(name, (event) => events.push({ event: name, ...event }));
    client.on("error", (error) => events.push({ event: "error", error: String(error) }));
    await client.connect();
    return [...client.enabled];
  },
  fetch: (...words) => gathered(client.fetch(...words)),
  async download(...words) {
    const { meta, content } = await client.download(...words);
    return { meta, content: Buffer.concat(await gathered(content)) };
  },
  idle() { client.idle().catch((error) => events.push({ event: "error", error: String(error) })); },
  events: () => events,
  told: () => told,
};

// Sets, Maps, bytes and large numbers as JSON has them.
function plain(key, value) {
  const raw = this[key];
  if (typeof raw === "bigint") return Number(raw);
  if (raw instanceof Set) return [...raw].sort();
  if (raw instanceof Map) return Object.fromEntries(raw);
  if (Buffer.isBuffer(raw)) return raw.toString("latin1");
  return value;
}

for await (const line of createInterface({ input: process.stdin })) {
  const { call, words } = JSON.parse(line);
  let answer;
  try {
    answer = { value: (await (own[call] ? own[call](...words) : client[call](...words))) ?? null };
  } catch (error) {
    answer = { error: `${error} ${error.response ? JSON.stringify(error.response) : ""}` };
  }
  console.log(JSON.stringify(answer, plain));
}
client?.close();
