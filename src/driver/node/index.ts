/** `quern`: the compiler with helpers for files, and compiled C as an engine. */
export * from "../index.ts";
export { createCExecutor, type CExecutor, type CExecutorOptions } from "./c-executor.ts";
export { findCompiler, type CompilerCommand } from "./c-compiler.ts";
export { createNodeEngine as createEngine, nodeEngines } from "./engines.ts";
export { npyOnDisk, readBundle, readModel } from "./files.ts";
export { writeOutputFolder } from "./output-folder.ts";
export { main } from "./cli.ts";
