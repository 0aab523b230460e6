import { checkOperator } from '../../support/gradient-check.js';

checkOperator('GRU');
