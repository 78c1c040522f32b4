/**
 * A condition of a join for a column that an index begins with, so that the table is looked up in by it.
 * A plain `a = b` can also be met by walking over the whole index and comparing each row with all of
 * the others. That is what the planner takes while its statistics say that the table is empty or has
 * one row, as they do of the queue whenever vacuum comes by at a quiet moment; and the plan stays when
 * the table has filled, or when what has died in it cannot be removed. Nothing can be walked in the
 * order of `= ANY (…)`. The index's further columns take a plain `=`: with `ANY` the planner may leave
 * them for later.
 */
export function lookUp(column: string, value: string): string {
  return `${column} = ANY (ARRAY[${value}])`;
}
