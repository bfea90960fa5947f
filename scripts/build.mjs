// Bundles the command line and the worker into dist/.
import { writeBundles } from './bundles.mjs';

await writeBundles();
