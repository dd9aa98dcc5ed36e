// Drawing with WebGL 2.

const CORNERS = { place: 0, normal: 1, uv: 2, colour: 3 };
const BACKGROUNDS = { light: [0.925, 0.925, 0.92], dark: [0.105, 0.11, 0.12] };

class Picture {
  constructor(canvas, model, shapes, orbit) {
    const gl = canvas.getContext("webgl2", { antialias: true, alpha: false });
    if (!gl) throw new Refusal("This browser has no WebGL 2; a current Firefox, Chrome, Edge or Safari has.");
    Object.assign(this, { canvas, gl, orbit });
    this.look = { wireframe: false, texture: true, dark: false, light: 0 };
    this.pose = null; // a photo's, world to world
    this.surface = programOf(gl, VERTEX, FRAGMENT);
    this.line = programOf(gl, VERTEX, LINE_FRAGMENT);
    this.depth = programOf(gl, DEPTH_VERTEX, DEPTH_FRAGMENT);
    this.white = this.textureOf(new ImageData(new Uint8ClampedArray([255, 255, 255, 255]), 1, 1), {}, false);
    this.parts = model.pieces.map((piece, i) => this.partOf(piece, shapes[i]));
    // What is seen through comes last.
    this.parts.sort((a, b) => (a.piece.material.alpha === "BLEND") - (b.piece.material.alpha === "BLEND"));
    this.makeShadows();
  }

  partOf(piece, shape) {
    const { gl } = this, { edges, quads } = edgesOf(piece.triangles);
    const part = { piece, shape, quads, array: gl.createVertexArray(), buffers: {}, textures: {} };
    gl.bindVertexArray(part.array);
    const feed = (name, values, width) => {
      if (!values) return;
      part.buffers[name] = gl.createBuffer();
      gl.bindBuffer(gl.ARRAY_BUFFER, part.buffers[name]);
      gl.bufferData(gl.ARRAY_BUFFER, values, gl.DYNAMIC_DRAW);
      gl.enableVertexAttribArray(CORNERS[name]);
      gl.vertexAttribPointer(CORNERS[name], width, gl.FLOAT, false, 0, 0);
    };
    feed("place", shape.positions, 3);
    feed("normal", shape.normals, 3);
    feed("uv", piece.uv, 2);
    feed("colour", piece.colours, piece.colourWidth);
    // Triangles and edges in one buffer of indices.
    const indices = new Uint32Array(piece.triangles.length + edges.length);
    indices.set(piece.triangles);
    indices.set(edges, piece.triangles.length);
    part.edgeCount = edges.length;
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, indices, gl.STATIC_DRAW);
    return part;
  }

  // Pictures are decoded beside; until then parts are white.
  async paint(model) {
    const made = new Map();
    const textureFor = async ({ source, sampler }, isColour) => {
      const key = `${source} ${sampler} ${isColour}`;
      if (!made.has(key)) {
        const options = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
        const bitmap = await createImageBitmap(model.image(source), options);
        made.set(key, this.textureOf(bitmap, model.samplers[sampler] || {}, isColour));
      }
      return made.get(key);
    };
    for (const { piece, textures } of this.parts) {
      const { picture, finish } = piece.material;
      if (picture && piece.uv) textures.picture = await textureFor(picture, true);
      if (finish && piece.uv) textures.finish = await textureFor(finish, false);
    }
  }

  textureOf(bitmap, { wrapS = 10497, wrapT = 10497, magFilter = 9729, minFilter = 9987 }, isColour) {
    const { gl } = this, texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, isColour ? gl.SRGB8_ALPHA8 : gl.RGBA8, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
    gl.generateMipmap(gl.TEXTURE_2D);
    const settings = { TEXTURE_WRAP_S: wrapS, TEXTURE_WRAP_T: wrapT, TEXTURE_MAG_FILTER: magFilter, TEXTURE_MIN_FILTER: minFilter };
    for (const [name, value] of Object.entries(settings)) gl.texParameteri(gl.TEXTURE_2D, gl[name], value);
    const sharp = gl.getExtension("EXT_texture_filter_anisotropic");
    // Only between mipmaps: drivers smooth a picture that wants hard pixels.
    if (sharp && minFilter === 9987) gl.texParameterf(gl.TEXTURE_2D, sharp.TEXTURE_MAX_ANISOTROPY_EXT, 4);
    return texture;
  }

  makeShadows() {
    const { gl } = this;
    this.shadows = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D_ARRAY, this.shadows);
    gl.texStorage3D(gl.TEXTURE_2D_ARRAY, 1, gl.DEPTH_COMPONENT24, SHADOW_SIDE, SHADOW_SIDE, SKY + 1);
    const settings = {
      TEXTURE_MIN_FILTER: gl.LINEAR, TEXTURE_MAG_FILTER: gl.LINEAR, TEXTURE_COMPARE_MODE: gl.COMPARE_REF_TO_TEXTURE,
      TEXTURE_WRAP_S: gl.CLAMP_TO_EDGE, TEXTURE_WRAP_T: gl.CLAMP_TO_EDGE,
    };
    for (const [name, value] of Object.entries(settings)) gl.texParameteri(gl.TEXTURE_2D_ARRAY, gl[name], value);
    this.frame = gl.createFramebuffer();
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.frame);
    gl.drawBuffers([gl.NONE]); // depth alone; some drivers want to be told
    gl.readBuffer(gl.NONE);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    // Even over the whole sphere (a golden spiral): the floor throws light back.
    this.lampAt = Array.from({ length: SKY }, (_, i) => {
      const y = 1 - (2 * i + 1) / SKY, around = i * Math.PI * (3 - Math.sqrt(5)), flat = Math.sqrt(1 - y * y);
      return [flat * Math.cos(around), y, flat * Math.sin(around)];
    });
  }

  // New positions and normals for the vertices.
  upload() {
    const { gl } = this;
    this.reshaped = true;
    for (const { buffers, shape } of this.parts) {
      for (const [name, values] of [["place", shape.positions], ["normal", shape.normals]]) {
        if (!values) continue;
        gl.bindBuffer(gl.ARRAY_BUFFER, buffers[name]);
        gl.bufferSubData(gl.ARRAY_BUFFER, 0, values);
      }
    }
  }

  // Only those that the last movement or turn has changed.
  drawShadows(keyLight) {
    const { gl, orbit } = this;
    const cameras = [...this.lampAt, keyLight].map((towards) => {
      const up = Math.abs(towards[1]) > 0.95 ? [1, 0, 0] : [0, 1, 0];
      return multiply(orthographic(orbit.radius * 1.02), lookAt(orbit.middle, towards, up));
    });
    gl.useProgram(this.depth.program);
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.frame);
    gl.viewport(0, 0, SHADOW_SIDE, SHADOW_SIDE);
    gl.enable(gl.POLYGON_OFFSET_FILL);
    gl.polygonOffset(1.5, 2);
    cameras.forEach((camera, layer) => {
      const stale = layer === SKY ? `${keyLight}` !== this.keyDrawn || this.reshaped : this.reshaped;
      if (!stale) return;
      gl.framebufferTextureLayer(gl.FRAMEBUFFER, gl.DEPTH_ATTACHMENT, this.shadows, 0, layer);
      gl.clear(gl.DEPTH_BUFFER_BIT);
      gl.uniformMatrix4fv(this.depth.at("camera"), false, camera);
      for (const { array, piece } of this.parts) {
        if (piece.material.alpha === "BLEND") continue; // lashes and the like let light through
        gl.bindVertexArray(array);
        gl.drawElements(gl.TRIANGLES, piece.triangles.length, gl.UNSIGNED_INT, 0);
      }
    });
    this.reshaped = false;
    this.keyDrawn = `${keyLight}`;
    gl.disable(gl.POLYGON_OFFSET_FILL);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    return cameras.flatMap((camera) => [...camera]);
  }

  draw(width = this.canvas.width, height = this.canvas.height) {
    const { gl, orbit, look } = this, aspect = width / height;
    const { eye, back, distance, lens } = orbit.place(aspect);
    const near = Math.max(distance - 3 * orbit.radius, 0.02 * orbit.radius);
    // With a photo's pose the head stays where it is and all around it turns the other way.
    const world = (v) => (this.pose ? this.pose.map((row, k) => this.pose[0][k] * v[0] + this.pose[1][k] * v[1] + this.pose[2][k] * v[2]) : v);
    const around = (p) => world(p.map((x, k) => x - orbit.middle[k])).map((x, k) => x + orbit.middle[k]);
    const up = world([0, 1, 0]), eyeAt = around(eye);
    const camera = multiply(perspective(lens, aspect, near, distance + 3 * orbit.radius), lookAt(eyeAt, world(back), up));
    const side = orbit.around + look.light;
    const keyLight = unit(world([Math.sin(side - 0.65) * 0.8, 0.55, Math.cos(side - 0.65) * 0.8]));
    const backLight = unit(world([Math.sin(side + 2.5), 0.35, Math.cos(side + 2.5)]));
    gl.enable(gl.DEPTH_TEST);
    gl.depthMask(true);
    gl.disable(gl.BLEND);
    gl.disable(gl.CULL_FACE);
    const lamps = this.drawShadows(keyLight);

    gl.viewport(0, 0, width, height);
    gl.clearColor(...BACKGROUNDS[look.dark ? "dark" : "light"], 1);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    const { program, at } = this.surface;
    gl.useProgram(program);
    gl.uniformMatrix4fv(at("camera"), false, camera);
    gl.uniformMatrix4fv(at("lamps"), false, lamps);
    gl.uniform3fv(at("lampAt"), this.lampAt.flat());
    for (const [name, value] of Object.entries({ eye: eyeAt, up, keyLight, backLight })) gl.uniform3fv(at(name), value);
    gl.uniform1f(at("radius"), orbit.radius);
    ["picture", "finish", "shadows"].forEach((name, unitNumber) => gl.uniform1i(at(name), unitNumber));
    gl.activeTexture(gl.TEXTURE2);
    gl.bindTexture(gl.TEXTURE_2D_ARRAY, this.shadows);
    for (const part of this.parts) this.drawPart(part, at);
    if (look.wireframe) this.drawLines(camera);
  }

  drawPart({ array, piece, textures }, at) {
    const { gl, look } = this, { material } = piece, clay = !look.texture;
    const blended = material.alpha === "BLEND";
    gl[material.doubleSided ? "disable" : "enable"](gl.CULL_FACE);
    gl[blended ? "enable" : "disable"](gl.BLEND);
    gl.blendFunc(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA);
    gl.depthMask(!blended);
    gl.uniform4fv(at("colour"), material.colour);
    gl.uniform3fv(at("emissive"), material.emissive);
    gl.uniform1f(at("metallic"), material.metallic);
    gl.uniform1f(at("roughness"), material.roughness);
    gl.uniform1f(at("reflectance"), ((material.refraction - 1) / (material.refraction + 1)) ** 2);
    gl.uniform1f(at("cutoff"), material.alpha === "MASK" ? material.cutoff : -1);
    gl.uniform1f(at("softness"), !clay && material.name.includes("skin") ? 1 : 0.25);
    gl.uniform1i(at("flatly"), piece.normals ? 0 : 1);
    gl.uniform1i(at("unlit"), material.unlit ? 1 : 0);
    gl.uniform1i(at("clay"), clay ? 1 : 0);
    ["picture", "finish"].forEach((name, i) => {
      gl.activeTexture(gl.TEXTURE0 + i);
      gl.bindTexture(gl.TEXTURE_2D, textures[name] || this.white);
    });
    gl.bindVertexArray(array);
    gl.vertexAttrib4f(CORNERS.colour, 1, 1, 1, 1); // where a part has none
    gl.drawElements(gl.TRIANGLES, piece.triangles.length, gl.UNSIGNED_INT, 0);
  }

  drawLines(camera) {
    const { gl, look } = this, { program, at } = this.line;
    gl.useProgram(program);
    gl.uniformMatrix4fv(at("camera"), false, camera);
    gl.uniform1f(at("nearer"), 2e-4);
    gl.uniform4fv(at("ink"), look.dark ? [0.03, 0.05, 0.08, 0.8] : [0.05, 0.1, 0.16, 0.65]);
    gl.enable(gl.BLEND);
    gl.depthMask(false);
    for (const { array, piece, edgeCount } of this.parts) {
      gl.bindVertexArray(array);
      gl.drawElements(gl.LINES, edgeCount, gl.UNSIGNED_INT, 4 * piece.triangles.length);
    }
    gl.depthMask(true);
  }

  // What the screen shows as a PNG, with at least this many pixels on the longer side.
  async png(least = 2048) {
    const { canvas } = this, { width, height } = canvas;
    const scale = Math.max(1, least / Math.max(width, height));
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    this.draw();
    const made = new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
    Object.assign(canvas, { width, height });
    this.draw();
    return made;
  }
}

function programOf(gl, vertex, fragment) {
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) {
    const log = gl.getAttachedShaders(program).map((shader) => gl.getShaderInfoLog(shader)).join(" ");
    throw new Error(`${gl.getProgramInfoLog(program)} ${log}`);
  }
  const places = {};
  return { program, at: (name) => (places[name] ??= gl.getUniformLocation(program, name)) };
}
