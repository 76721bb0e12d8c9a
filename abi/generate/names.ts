import type { WitType, World } from './wit-type.ts';

/** Every named type of the world once, by the path that `docComments` gives it: `interface/type`. */
export function allTypes(world: World): Map<string, WitType> {
  const found = new Map<string, WitType>();
  const names = new Map<string, WitType>();
  for (const iface of [...world.imports, ...world.exports]) {
    const short = iface.id.replace(/^.*\//, '').replace(/@.*$/, '');
    for (const type of iface.types) {
      const known = names.get(type.name!);
      if (known === type) continue;
      if (known !== undefined) throw new Error(`two types of the contract are called ${type.name}`);
      names.set(type.name!, type);
      found.set(`${short}/${type.name}`, type);
    }
  }
  return found;
}

export function camelCase(name: string): string {
  return name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

export function pascalCase(name: string): string {
  const camel = camelCase(name);
  return camel.charAt(0).toUpperCase() + camel.slice(1);
}

export function constantCase(name: string): string {
  return name.replaceAll('-', '_').toUpperCase();
}

export function snakeCase(name: string): string {
  return name.replaceAll('-', '_');
}
