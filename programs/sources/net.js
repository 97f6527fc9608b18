// Connects and reads: `node net.js HOST PORT`.
const [host, port] = process.argv.slice(2);
const peer = require("net").connect({ host, port: Number(port) });
peer.on("data", () => {});
peer.on("error", (error) => {
  console.error(String(error));
  process.exitCode = 3;
});
