/**
 * The fields that have a value. Commander leaves an option that was not given undefined; with exactOptionalPropertyTypes that is
 * not the same as an option that is absent.
 */
export function given<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
