import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Every package under a node_modules folder, nested ones too.
 * @returns {{ name: string, version: string, path: string }[]}
 */
export function installedPackages(modules) {
  const found = [];
  for (const entry of existsSync(modules) ? readdirSync(modules, { withFileTypes: true }) : []) {
    if (!entry.isDirectory() || entry.name.startsWith('.')) continue;
    const scope = join(modules, entry.name);
    const folders = entry.name.startsWith('@')
      ? readdirSync(scope).map((name) => join(scope, name))
      : [scope];
    for (const path of folders) {
      const { name, version } = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'));
      found.push({ name, version, path }, ...installedPackages(join(path, 'node_modules')));
    }
  }
  return found;
}

/** The purl has the package's own name, where `name` has the one it is installed under. */
const nameOf = ({ purl, name, version }) =>
  purl ? decodeURIComponent(purl.replace('pkg:npm/', '')) : `${name}@${version}`;

/**
 * A CycloneDX document cut down to the packages that are installed, under the name of the application.
 * @param packageJson text of the application's package.json
 */
export function keepInstalled(sbom, modules, packageJson) {
  const { name, version } = JSON.parse(packageJson);
  const installed = new Set(installedPackages(modules).map(nameOf));
  const components = sbom.components.filter((each) => installed.has(nameOf(each)));
  const root = sbom.metadata.component;
  const references = new Set([root['bom-ref'], ...components.map((each) => each['bom-ref'])]);
  return {
    ...sbom,
    metadata: { ...sbom.metadata, component: { ...root, type: 'application', name, version } },
    components,
    dependencies: sbom.dependencies
      .filter(({ ref }) => references.has(ref))
      .map((each) => ({ ...each, dependsOn: (each.dependsOn ?? []).filter((ref) => references.has(ref)) })),
  };
}

/**
 * What a CycloneDX document and a node_modules folder do not have in common, a line each: none where they agree.
 * @returns {string[]}
 */
export function compareWithInstalled(sbom, modules) {
  const told = new Set(sbom.components.map(nameOf));
  const installed = new Set(installedPackages(modules).map(nameOf));
  return [
    ...[...installed].filter((each) => !told.has(each)).map((each) => `installed, not told: ${each}`),
    ...[...told].filter((each) => !installed.has(each)).map((each) => `told, not installed: ${each}`),
  ].sort();
}
