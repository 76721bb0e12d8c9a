/** Checks the AssemblyScript of the project, or formats it; returns what Biome found, empty when all is well. */
export function stylePieces(options?: { readonly write?: boolean; readonly folders?: readonly string[] }): string;
