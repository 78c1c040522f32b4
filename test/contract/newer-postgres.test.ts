import { ADDED_TO_EVERY_TABLE } from '../postgres/added-to-every-table.ts';
import { freshGround } from '../postgres/store-ground.ts';
import { storeContract } from './store-contract.ts';

const name = 'PostgreSQL with the schema of a later version';
const fresh = (): ReturnType<typeof freshGround> => freshGround(ADDED_TO_EVERY_TABLE);

/** While nodes are upgraded one after another, programs work on a schema to which things were added. */
storeContract({ name, oneOwner: true, oneClock: false, fresh });
