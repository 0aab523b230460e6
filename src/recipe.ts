export * from './recipe/layer-settings.js';
export * from './recipe/layers.js';
export * from './recipe/refine.js';
export * from './recipe/resolve.js';
export * from './recipe/rule.js';
export * from './recipe/schema.js';
export type { Registries } from './recipe/setting.js';
export * from './recipe/settings.js';
