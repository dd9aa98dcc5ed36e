// 4 × 4 matrices, column by column, as glTF and WebGL have them.

const IDENTITY = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];

function multiply(a, b) {
  const out = new Float64Array(16);
  for (let column = 0; column < 4; column++)
    for (let row = 0; row < 4; row++)
      for (let k = 0; k < 4; k++) out[4 * column + row] += a[4 * k + row] * b[4 * column + k];
  return out;
}

// A node's matrix; from translation, rotation (quaternion x, y, z, w) and scale where it has none.
function matrixOf({ matrix, translation: t = [0, 0, 0], rotation: [x, y, z, w] = [0, 0, 0, 1], scale: [a, b, c] = [1, 1, 1] }) {
  return matrix || [
    a * (1 - 2 * (y * y + z * z)), a * 2 * (x * y + z * w), a * 2 * (x * z - y * w), 0,
    b * 2 * (x * y - z * w), b * (1 - 2 * (x * x + z * z)), b * 2 * (y * z + x * w), 0,
    c * 2 * (x * z + y * w), c * 2 * (y * z - x * w), c * (1 - 2 * (x * x + y * y)), 0,
    ...t, 1,
  ];
}

// A point (share 1) or a displacement (share 0), from one array into another.
function turn(m, from, at, share, to, place) {
  const x = from[at], y = from[at + 1], z = from[at + 2];
  for (let row = 0; row < 3; row++) to[place + row] = m[row] * x + m[4 + row] * y + m[8 + row] * z + m[12 + row] * share;
}

// A normal turns by the matrix's cofactors, which is its inverse's transpose but for length (and its sign in mirrors).
function turnNormal(m, normals, at) {
  const columns = [m.slice(0, 3), m.slice(4, 7), m.slice(8, 11)];
  const sign = Math.sign(determinant(m)) || 1;
  const turned = [0, 0, 0];
  for (let k = 0; k < 3; k++) {
    const side = cross(columns[(k + 1) % 3], columns[(k + 2) % 3]);
    for (let row = 0; row < 3; row++) turned[row] += sign * side[row] * normals[at + k];
  }
  normals.set(unit(turned), at);
}

function determinant(m) {
  return dot(m.slice(0, 3), cross(m.slice(4, 7), m.slice(8, 11)));
}

const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const unit = (a) => { const length = Math.hypot(...a) || 1; return [a[0] / length, a[1] / length, a[2] / length]; };

function perspective(lens, aspect, near, far) {
  return [1 / (lens * aspect), 0, 0, 0, 0, 1 / lens, 0, 0, 0, 0, (near + far) / (near - far), -1, 0, 0, (2 * near * far) / (near - far), 0];
}

// A box of half-width `radius` around the origin, looking along -z.
function orthographic(radius) {
  return [1 / radius, 0, 0, 0, 0, 1 / radius, 0, 0, 0, 0, -1 / radius, 0, 0, 0, 0, 1];
}

// From world to eye; `back` points from the target to the eye.
function lookAt(eye, back, up) {
  const z = unit(back), x = unit(cross(up, z)), y = cross(z, x);
  return [x[0], y[0], z[0], 0, x[1], y[1], z[1], 0, x[2], y[2], z[2], 0, -dot(x, eye), -dot(y, eye), -dot(z, eye), 1];
}
