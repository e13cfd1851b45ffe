/**
 * `import()` for modules that are no part of this package: `require` has to load the file that it stands in, since
 * code that was compiled before (`code-cache/loader.ts`) cannot import.
 */
export function importExternal<Module = unknown>(specifier: string): Promise<Module> {
  return import(specifier)
}
