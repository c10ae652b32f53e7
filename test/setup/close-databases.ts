export default async function closeDatabases(): Promise<void> {
  await globalThis.closeTestDatabases();
}
