// JavaScript, because a worker thread loads its file without a transpiler, and the service,
// the tests and the scripts each run the sources in another way.
const { unlinkSync } = require("node:fs");
const { parentPort, workerData } = require("node:worker_threads");
const { PGlite } = require("@electric-sql/pglite");
const { btree_gist } = require("@electric-sql/pglite/contrib/btree_gist");
const { PGLiteSocketServer } = require("@electric-sql/pglite-socket");

/** @typedef {{ dataDir?: string, listen: { path: string } | { host: string, port: number }, maxConnections: number }} EmbeddedOptions */

/** @param {EmbeddedOptions} options */
async function serve({ dataDir, listen, maxConnections }) {
  const database = await PGlite.create({ dataDir, extensions: { btree_gist } });
  if ("path" in listen) removeStaleSocket(listen.path);
  const server = new PGLiteSocketServer({ db: database, ...listen, maxConnections });
  await server.start();
  port().once("message", async () => {
    await server.stop();
    await database.close();
    port().postMessage({ stopped: true });
  });
  // "host:port", or the path of the socket.
  port().postMessage({ address: server.getServerConn() });
}

/** @param {string} path */
function removeStaleSocket(path) {
  try {
    unlinkSync(path);
  } catch {
    // Nothing was left behind.
  }
}

function port() {
  if (!parentPort) throw new Error("embedded.worker.js runs as a worker thread only");
  return parentPort;
}

serve(workerData);
