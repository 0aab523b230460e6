export * from './recipe/kinds.js';
export * from './recipe/layer-settings.js';
export * from './recipe/layers.js';
export * from './recipe/refine.js';
export type { NamedRefiner, RefinerSetting, Registries, Widths } from './recipe/registries.js';
export * from './recipe/resolve.js';
export * from './recipe/rule.js';
export * from './recipe/schema.js';
export * from './recipe/settings.js';
