import { type ChildProcess, execFile } from "node:child_process";
import { chown, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { Pool } from "pg";
import { answers, end, freePort, launch } from "../ground";

const run = promisify(execFile);

/** A process of the service. */
export type Service = {
  address: string;
  child: ChildProcess;
  /** Starts it once more at the same address, after it ended. */
  restart(): Promise<void>;
};

/** A drill's few people log more in a minute than a day holds. */
export const LONG_DAYS = { DAY_MINUTES_LIMIT: "1000000" };

/** Where a drill happens: a PostgreSQL that it may kill, and processes of the service. */
export class Stage {
  readonly #started: ChildProcess[] = [];

  private constructor(
    readonly folder: string,
    private readonly bin: string,
    private readonly port: number,
    /** Of the database, for looking at what is stored. */
    readonly pool: Pool,
  ) {}

  static async open(): Promise<Stage> {
    const folder = await mkdtemp(path.join(tmpdir(), "cairn-drill-"));
    const versions = (await readdir("/usr/lib/postgresql")).sort((a, b) => Number(a) - Number(b));
    const bin = `/usr/lib/postgresql/${versions.at(-1)}/bin`;
    const port = await freePort();
    if (process.getuid?.() === 0) await chown(folder, Number((await run("id", ["-u", "postgres"])).stdout), -1);
    const pool = new Pool({ host: "127.0.0.1", port, user: "cairn", database: "postgres", max: 2 });
    pool.on("error", () => undefined);
    const stage = new Stage(folder, bin, port, pool);
    await stage.#asOwner(`${bin}/initdb -D ${folder}/data -U cairn -A trust --locale=C.UTF-8`);
    await stage.startDatabase();
    return stage;
  }

  get url(): string {
    return `postgresql://cairn@127.0.0.1:${this.port}/postgres`;
  }

  /** Another database on the same server. @returns its address */
  async database(name: string): Promise<string> {
    await this.pool.query(`CREATE DATABASE ${name}`);
    return this.url.replace(/[^/]*$/, name);
  }

  async startDatabase(): Promise<void> {
    const options = `-p ${this.port} -k ${this.folder} -c listen_addresses=127.0.0.1 -c max_connections=100`;
    await this.#asOwner(`${this.bin}/pg_ctl -D ${this.folder}/data -w -l ${this.folder}/log -o '${options}' start`);
  }

  /** As a machine that loses its power: what was not written to the disk is gone. */
  async killDatabase(): Promise<void> {
    await this.#asOwner(`${this.bin}/pg_ctl -D ${this.folder}/data -m immediate -w stop`);
  }

  /** Ends a process with the drill. */
  holds(child: ChildProcess): ChildProcess {
    this.#started.push(child);
    return child;
  }

  /** @param build where another version than this one was built */
  async service(settings: NodeJS.ProcessEnv = {}, build = "."): Promise<Service> {
    const port = await freePort();
    const address = `http://127.0.0.1:${port}`;
    const start = async () => {
      const child = this.holds(launch([path.join(build, "dist/server.js")], this.url, port, { ...LONG_DAYS, ...settings }));
      await answers(`${address}/readyz`, child);
      return child;
    };
    const service: Service = {
      address,
      child: await start(),
      async restart() {
        service.child = await start();
      },
    };
    return service;
  }

  async close(): Promise<void> {
    for (const child of this.#started) await end(child, "SIGKILL");
    await this.pool.end();
    await this.killDatabase().catch(() => undefined);
    await rm(this.folder, { recursive: true, force: true });
  }

  // PostgreSQL refuses to run as root.
  async #asOwner(command: string): Promise<void> {
    await (process.getuid?.() === 0 ? run("su", ["postgres", "-s", "/bin/sh", "-c", command]) : run("sh", ["-c", command]));
  }
}
