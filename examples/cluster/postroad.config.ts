/** A node by its environment; see README.md for the variables. */
import { defineConfig } from '@postroad/core';
import { clusterNode } from './dist/node.js';

export default defineConfig(() => clusterNode(process.env));
