// Binary glTF 2.0 (Khronos, ISO/IEC 12113) to plain arrays in one frame.
// Nodes and skins at rest are baked into positions and morph targets, so that drawing only adds weighted displacements.

class Refusal extends Error {}

const KINDS = { 5120: Int8Array, 5121: Uint8Array, 5122: Int16Array, 5123: Uint16Array, 5125: Uint32Array, 5126: Float32Array };
const WIDTHS = { SCALAR: 1, VEC2: 2, VEC3: 3, VEC4: 4, MAT4: 16 };
const LARGEST = { 5120: 127, 5121: 255, 5122: 32767, 5123: 65535 };
const READ_EXTENSIONS = new Set(["KHR_materials_ior", "KHR_materials_unlit", "KHR_mesh_quantization"]);

// The JSON and the binary chunk of a GLB.
function chunksOf(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 20 || view.getUint32(0, true) !== 0x46546c67) throw new Refusal("This is no GLB file.");
  if (view.getUint32(4, true) !== 2) throw new Refusal("This GLB is not of version 2; export it as glTF 2.0.");
  const length = view.getUint32(8, true);
  if (length > bytes.length) throw new Refusal("This GLB is cut short; copy or export it again.");
  let json = null, binary = new Uint8Array(0);
  for (let at = 12; at + 8 <= length; ) {
    const size = view.getUint32(at, true), kind = view.getUint32(at + 4, true);
    const chunk = bytes.subarray(at + 8, at + 8 + size);
    if (kind === 0x4e4f534a && !json) json = JSON.parse(new TextDecoder().decode(chunk));
    else if (kind === 0x004e4942 && !binary.length) binary = chunk;
    at += 8 + size;
  }
  if (!json) throw new Refusal("This GLB has no description of its content; export it again.");
  return { json, binary };
}

class Glb {
  constructor(bytes) {
    const { json, binary } = chunksOf(bytes);
    const foreign = (json.extensionsRequired || []).find((name) => !READ_EXTENSIONS.has(name));
    if (foreign) throw new Refusal(`This GLB needs the extension ${foreign}; export it without.`);
    this.json = json;
    this.buffers = (json.buffers || []).map((buffer, i) => (i === 0 && !buffer.uri ? binary : bytesOfUri(buffer.uri)));
  }

  view(index) {
    const { buffer, byteOffset = 0, byteLength, byteStride } = this.json.bufferViews[index];
    return { bytes: this.buffers[buffer].subarray(byteOffset, byteOffset + byteLength), byteStride };
  }

  // Elements without gaps, as a typed array of their own.
  packed(viewIndex, offset, componentType, width, count) {
    const { bytes, byteStride } = this.view(viewIndex);
    const Kind = KINDS[componentType], size = Kind.BYTES_PER_ELEMENT * width, step = byteStride || size;
    const out = new Uint8Array(size * count);
    if (count && offset + step * (count - 1) + size > bytes.length) throw new Refusal("This GLB is damaged; export it again.");
    if (step === size) out.set(bytes.subarray(offset, offset + out.length));
    else for (let i = 0; i < count; i++) out.set(bytes.subarray(offset + i * step, offset + i * step + size), i * size);
    return new Kind(out.buffer);
  }

  // An accessor's numbers, sparse ones filled in, normalised integers as fractions.
  numbers(index) {
    const { bufferView, byteOffset = 0, componentType, type, count, normalized, sparse } = this.json.accessors[index];
    const width = WIDTHS[type];
    const raw = bufferView === undefined
      ? new KINDS[componentType](count * width)
      : this.packed(bufferView, byteOffset, componentType, width, count);
    if (sparse) {
      const { indices, values } = sparse;
      const rows = this.packed(indices.bufferView, indices.byteOffset || 0, indices.componentType, 1, sparse.count);
      const news = this.packed(values.bufferView, values.byteOffset || 0, componentType, width, sparse.count);
      rows.forEach((row, i) => raw.set(news.subarray(i * width, (i + 1) * width), row * width));
    }
    return normalized ? Float32Array.from(raw, (x) => Math.max(x / LARGEST[componentType], -1)) : raw;
  }

  width(index) {
    return WIDTHS[this.json.accessors[index].type];
  }

  image(index) {
    const { bufferView, uri, mimeType } = this.json.images[index];
    return new Blob([bufferView === undefined ? bytesOfUri(uri) : this.view(bufferView).bytes], { type: mimeType || "" });
  }
}

function bytesOfUri(uri) {
  const match = /^data:[^,]*;base64,(.*)$/s.exec(uri || "");
  if (!match) throw new Refusal("This GLB leans on other files; export it with everything inside.");
  return bytesOfBase64(match[1]);
}

function bytesOfBase64(text) {
  const characters = atob(text), bytes = new Uint8Array(characters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i);
  return bytes;
}

// Everything that is drawn: { pieces, names, weights (the file's own, by name), image(index), photo }.
function modelOf(bytes) {
  const glb = new Glb(bytes), { json } = glb;
  const nodes = json.nodes || [];
  const scene = (json.scenes || [])[json.scene || 0];
  const children = new Set(nodes.flatMap((node) => node.children || []));
  const roots = scene ? scene.nodes || [] : nodes.map((_, i) => i).filter((i) => !children.has(i));
  const places = new Map();
  const walk = (index, above) => {
    if (places.has(index)) return; // each node has one parent; this ends a foreign file's circle
    const place = multiply(above, matrixOf(nodes[index]));
    places.set(index, place);
    for (const child of nodes[index].children || []) walk(child, place);
  };
  for (const root of roots) walk(root, IDENTITY);

  const pieces = [], weights = new Map();
  for (const [index, place] of places) {
    const node = nodes[index];
    if (node.mesh === undefined) continue;
    const mesh = json.meshes[node.mesh];
    const count = mesh.primitives[0].targets?.length || 0;
    const names = Array.from({ length: count }, (_, i) => mesh.extras?.targetNames?.[i] ?? `${mesh.name || `mesh ${node.mesh + 1}`} ${i + 1}`);
    const own = node.weights || mesh.weights || [];
    names.forEach((name, i) => weights.set(name, weights.get(name) || own[i] || 0));
    const skin = node.skin === undefined ? null : skinMatrices(glb, json.skins[node.skin], places);
    for (const primitive of mesh.primitives) {
      const piece = pieceOf(glb, primitive, names, place, skin);
      if (piece) pieces.push({ name: node.name || mesh.name || "", ...piece });
    }
  }
  if (!pieces.length) throw new Refusal("This GLB holds no surface to show.");
  return { pieces, weights, samplers: json.samplers || [], image: (i) => glb.image(i), photo: scene?.extras?.face2mesh };
}

function skinMatrices(glb, skin, places) {
  const inverse = skin.inverseBindMatrices === undefined ? null : glb.numbers(skin.inverseBindMatrices);
  return skin.joints.map((joint, i) => {
    const place = places.get(joint) || IDENTITY;
    return inverse ? multiply(place, inverse.subarray(i * 16, i * 16 + 16)) : place;
  });
}

function pieceOf(glb, primitive, names, place, skin) {
  const { attributes, targets = [], mode = 4 } = primitive;
  if (attributes.POSITION === undefined || mode < 4) return null; // points and lines are not drawn
  const positions = Float32Array.from(glb.numbers(attributes.POSITION)), count = positions.length / 3;
  const corners = primitive.indices === undefined ? Uint32Array.from({ length: count }, (_, i) => i) : glb.numbers(primitive.indices);
  const triangles = trianglesOf(mode, corners);
  if (triangles.some((corner) => corner >= count)) throw new Refusal("This GLB is damaged; export it again.");
  const matrixAt = blender(glb, attributes, place, skin);
  if (determinant(matrixAt(0)) < 0) // a mirrored part
    for (let i = 0; i < triangles.length; i += 3) [triangles[i], triangles[i + 1]] = [triangles[i + 1], triangles[i]];
  const morphs = targets.flatMap((target, i) => {
    if (target.POSITION === undefined) return [];
    const deltas = glb.numbers(target.POSITION), rows = [];
    for (let row = 0; row < count; row++) if (deltas[3 * row] || deltas[3 * row + 1] || deltas[3 * row + 2]) rows.push(row);
    const moved = new Float32Array(rows.length * 3);
    rows.forEach((row, k) => turn(matrixAt(row), deltas, 3 * row, 0, moved, 3 * k));
    return [{ name: names[i], rows: Uint32Array.from(rows), deltas: moved }];
  });
  const normals = attributes.NORMAL === undefined ? null : Float32Array.from(glb.numbers(attributes.NORMAL));
  for (let row = 0; row < count; row++) {
    const matrix = matrixAt(row);
    turn(matrix, positions, 3 * row, 1, positions, 3 * row);
    if (normals) turnNormal(matrix, normals, 3 * row);
  }
  const material = materialOf(glb.json, primitive.material);
  return {
    positions, triangles, normals, morphs, material,
    uv: floats(glb, attributes[`TEXCOORD_${material.uvSet}`]),
    colours: floats(glb, attributes.COLOR_0),
    colourWidth: attributes.COLOR_0 === undefined ? 0 : glb.width(attributes.COLOR_0),
  };
}

function floats(glb, index) {
  return index === undefined ? null : Float32Array.from(glb.numbers(index));
}

// Where a vertex's own frame is: its node's place, or under a skin the mean of its joints.
function blender(glb, attributes, place, skin) {
  if (!skin || attributes.JOINTS_0 === undefined) return () => place;
  const joints = glb.numbers(attributes.JOINTS_0), shares = glb.numbers(attributes.WEIGHTS_0);
  return (row) => {
    const sum = new Float64Array(16);
    for (let k = 4 * row; k < 4 * row + 4; k++) if (shares[k]) for (let c = 0; c < 16; c++) sum[c] += shares[k] * skin[joints[k]][c];
    return sum;
  };
}

function trianglesOf(mode, corners) {
  if (mode === 4) return Uint32Array.from(corners.length % 3 ? corners.subarray(0, corners.length - (corners.length % 3)) : corners);
  const out = [];
  for (let i = 0; i + 2 < corners.length; i++) {
    if (mode === 6) out.push(corners[0], corners[i + 1], corners[i + 2]);
    else out.push(corners[i], corners[i + 1 + (i % 2)], corners[i + 2 - (i % 2)]);
  }
  return Uint32Array.from(out);
}

function materialOf(json, index) {
  const material = (json.materials || [])[index] || {}, surface = material.pbrMetallicRoughness || {};
  const picture = (info) => (info ? json.textures[info.index] : null);
  return {
    name: material.name || "",
    colour: surface.baseColorFactor || [1, 1, 1, 1],
    metallic: surface.metallicFactor ?? 1,
    roughness: surface.roughnessFactor ?? 1,
    refraction: material.extensions?.KHR_materials_ior?.ior ?? 1.5,
    emissive: material.emissiveFactor || [0, 0, 0],
    alpha: material.alphaMode || "OPAQUE",
    cutoff: material.alphaCutoff ?? 0.5,
    doubleSided: material.doubleSided || false,
    unlit: Boolean(material.extensions?.KHR_materials_unlit),
    uvSet: surface.baseColorTexture?.texCoord || 0,
    picture: picture(surface.baseColorTexture),
    finish: picture(surface.metallicRoughnessTexture),
  };
}
