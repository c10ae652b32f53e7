import { Client } from "pg";

/** A new database on the server of a URL, for one benchmark. */
export async function ownDatabase(serverUrl: string, name: string): Promise<{ url: string; drop(): Promise<void> }> {
  const run = async (sql: string) => {
    const client = new Client({ connectionString: serverUrl });
    await client.connect();
    await client.query(sql).finally(() => client.end());
  };
  const own = `${name}_${process.pid}`;
  await run(`CREATE DATABASE ${own}`);
  const url = new URL(serverUrl);
  url.pathname = `/${own}`;
  return { url: url.toString(), drop: () => run(`DROP DATABASE ${own} WITH (FORCE)`) };
}
