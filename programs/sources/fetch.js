// Fetches: `node fetch.js HOST PORT`.
const [host, port] = process.argv.slice(2);
fetch(`http://${host}:${port}/`)
  .then((answer) => answer.text())
  .catch((error) => {
    console.error(String(error.cause || error));
    process.exitCode = 3;
  });
