/** What warnings are about: what a reader should know although the answer does not rest on it. */

export interface WarningArgs {
  'mostly-one-way': { readonly oneWay: number; readonly total: number };
}
