import { floatsOf, floatTensor, type Tensor } from '../graph/tensor.js';

/** A float32 matrix [rows, columns] the other way: [columns, rows]. */
export function turned(matrix: Tensor): Tensor {
  const [rows = 0, columns = 0] = matrix.dims;
  const values = floatsOf(matrix);
  const data = new Float32Array(values.length);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      data[column * rows + row] = values[row * columns + column] as number;
  return floatTensor('float32', [columns, rows], data);
}
