// Where vertices and normals are for given weights, and which edges are the artist's.

class Shape {
  constructor(piece) {
    this.piece = piece;
    this.positions = Float32Array.from(piece.positions);
    this.normals = piece.normals ? Float32Array.from(piece.normals) : null;
    if (piece.morphs.length && piece.normals) {
      this.groups = weld(piece);
      this.rest = this.recomputed(new Float32Array(piece.positions.length));
      this.now = new Float32Array(this.rest.length);
    }
  }

  // Positions are rest + Σ weight · displacement. Normals are the file's own plus what has changed of the recomputed ones, so that
  // at rest they are exactly the file's, and hard edges stay hard.
  take(weights) {
    const { piece, positions, normals } = this;
    if (!piece.morphs.length) return false;
    positions.set(piece.positions);
    for (const { name, rows, deltas } of piece.morphs) {
      const weight = weights.get(name);
      if (!weight) continue;
      for (let i = 0; i < rows.length; i++)
        for (let axis = 0; axis < 3; axis++) positions[3 * rows[i] + axis] += weight * deltas[3 * i + axis];
    }
    if (!normals) return true;
    this.recomputed(this.now);
    for (let i = 0; i < normals.length; i++) normals[i] = piece.normals[i] + this.now[i] - this.rest[i]; // the shader makes them unit
    return true;
  }

  // Unit normals as sums over the triangles around, weighted by area; corners that are one in the file's eyes share them.
  recomputed(out) {
    const { positions: p, groups } = this, { triangles } = this.piece;
    const sums = new Float64Array(out.length);
    for (let t = 0; t < triangles.length; t += 3) {
      const a = 3 * triangles[t], b = 3 * triangles[t + 1], c = 3 * triangles[t + 2];
      const ux = p[b] - p[a], uy = p[b + 1] - p[a + 1], uz = p[b + 2] - p[a + 2];
      const vx = p[c] - p[a], vy = p[c + 1] - p[a + 1], vz = p[c + 2] - p[a + 2];
      const nx = uy * vz - uz * vy, ny = uz * vx - ux * vz, nz = ux * vy - uy * vx;
      for (let k = t; k < t + 3; k++) {
        const at = 3 * groups[triangles[k]];
        sums[at] += nx;
        sums[at + 1] += ny;
        sums[at + 2] += nz;
      }
    }
    for (let i = 0; i < groups.length; i++) {
      const at = 3 * groups[i], length = Math.hypot(sums[at], sums[at + 1], sums[at + 2]) || 1;
      for (let axis = 0; axis < 3; axis++) out[3 * i + axis] = sums[at + axis] / length;
    }
    return out;
  }
}

// For each vertex the first one with the same place and normal: on seams of the texture a vertex is there twice.
function weld({ positions, normals }) {
  const first = new Map();
  return Uint32Array.from({ length: positions.length / 3 }, (_, i) => {
    const key = `${positions.subarray(3 * i, 3 * i + 3)},${normals.subarray(3 * i, 3 * i + 3)}`;
    if (!first.has(key)) first.set(key, i);
    return first.get(key);
  });
}

// Pairs of vertices. Where each two triangles that follow each other share an edge, they are the halves of quads, and that edge
// is left out.
function edgesOf(triangles) {
  const halves = triangles.length % 6 === 0 && quadDiagonals(triangles);
  const seen = new Set(), edges = [];
  for (let t = 0; t < triangles.length; t += 3)
    for (let k = 0; k < 3; k++) {
      const a = triangles[t + k], b = triangles[t + ((k + 1) % 3)];
      const key = Math.min(a, b) * 0x4000000 + Math.max(a, b);
      if (seen.has(key) || (halves && halves[Math.floor(t / 6)] === key)) continue;
      seen.add(key);
      edges.push(a, b);
    }
  return { edges: Uint32Array.from(edges), quads: Boolean(halves) };
}

function quadDiagonals(triangles) {
  const diagonals = new Float64Array(triangles.length / 6);
  for (let q = 0; q < diagonals.length; q++) {
    const first = triangles.subarray(6 * q, 6 * q + 3), second = triangles.subarray(6 * q + 3, 6 * q + 6);
    const shared = first.filter((corner) => second.includes(corner));
    if (shared.length !== 2) return null;
    diagonals[q] = Math.min(...shared) * 0x4000000 + Math.max(...shared);
  }
  return diagonals;
}
