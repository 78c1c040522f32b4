import { freshGround } from '../postgres/store-ground.ts';
import { storeContract } from './store-contract.ts';

const fresh = (): ReturnType<typeof freshGround> => freshGround();

storeContract({ name: 'PostgreSQL', oneOwner: true, oneClock: false, fresh });
