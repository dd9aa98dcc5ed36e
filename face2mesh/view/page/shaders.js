// A studio: a sky of lamps with a shadow each (so that mouths and nostrils are dark whatever the face does), a key light, a light
// from behind, and their reflections.

const SKY = 12; // lamps of the sky; the layer behind theirs is the key light's
const SHADOW_SIDE = 512;

const DEPTH_VERTEX = `#version 300 es
layout(location = 0) in vec3 place;
uniform mat4 camera;
void main() { gl_Position = camera * vec4(place, 1.0); }`;

const DEPTH_FRAGMENT = `#version 300 es
void main() {}`;

const VERTEX = `#version 300 es
layout(location = 0) in vec3 place;
layout(location = 1) in vec3 normal;
layout(location = 2) in vec2 uv;
layout(location = 3) in vec4 colour;
uniform mat4 camera;
uniform float nearer;
out vec3 at;
out vec3 across;
out vec2 where;
out vec4 tint;
void main() {
  at = place;
  across = normal;
  where = uv;
  tint = colour;
  gl_Position = camera * vec4(place, 1.0);
  gl_Position.z -= nearer * gl_Position.w;
}`;

const FRAGMENT = `#version 300 es
precision highp float;
precision highp sampler2DArrayShadow;
const int SKY = ${SKY};
const float PI = 3.14159265;
in vec3 at;
in vec3 across;
in vec2 where;
in vec4 tint;
uniform vec3 eye, up, keyLight, backLight;
uniform vec4 colour;
uniform vec3 emissive;
uniform float metallic, roughness, reflectance, cutoff, softness, radius;
uniform bool flatly, unlit, clay;
uniform sampler2D picture, finish;
uniform sampler2DArrayShadow shadows;
uniform mat4 lamps[SKY + 1];
uniform vec3 lampAt[SKY];
out vec4 result;

float arrives(int lamp, vec3 point, float reach) {
  vec3 q = (lamps[lamp] * vec4(point, 1.0)).xyz * 0.5 + 0.5;
  float sum = 0.0;
  for (int i = 0; i < 4; i++)
    sum += texture(shadows, vec4(q.xy + reach * (vec2(i & 1, i >> 1) - 0.5), float(lamp), q.z));
  return sum * 0.25;
}
float keyArrives(vec3 point) {
  vec3 q = (lamps[SKY] * vec4(point, 1.0)).xyz * 0.5 + 0.5;
  float sum = 0.0;
  for (int i = -2; i <= 2; i++)
    for (int j = -2; j <= 2; j++)
      sum += texture(shadows, vec4(q.xy + vec2(i, j) * 1.3 / ${SHADOW_SIDE}.0, float(SKY), q.z));
  return sum / 25.0;
}
float gloss(float nh, float nl, float nv, float rough) {
  float a = rough * rough, a2 = a * a;
  float d = nh * nh * (a2 - 1.0) + 1.0;
  float v = 0.5 / (nl * sqrt(nv * nv * (1.0 - a2) + a2) + nv * sqrt(nl * nl * (1.0 - a2) + a2) + 1e-5);
  return a2 / (PI * d * d) * v;
}
// The room as a glossy surface sees it: dark floor, light ceiling, a large soft window at the key light.
vec3 room(vec3 d, float rough) {
  float height = smoothstep(-0.6 - rough, 0.8 + rough, dot(d, up));
  float edge = 0.03 + 0.5 * rough;
  vec3 side = normalize(cross(keyLight, up)), top = cross(side, keyLight);
  vec2 onWindow = abs(vec2(dot(d, side), dot(d, top))) - vec2(0.2, 0.26);
  float window = (1.0 - smoothstep(-edge, edge, max(onWindow.x, onWindow.y))) * step(0.0, dot(d, keyLight));
  return mix(vec3(0.05), vec3(0.5, 0.52, 0.55), height) + vec3(2.6) * window / (1.0 + 12.0 * rough);
}
// Khronos's neutral tone mapper: colours stay what the file says, only highlights bend.
vec3 toned(vec3 c) {
  float low = min(c.r, min(c.g, c.b));
  c -= low < 0.08 ? low - 6.25 * low * low : 0.04;
  float peak = max(c.r, max(c.g, c.b));
  if (peak < 0.76) return c;
  float bent = 1.0 - 0.0576 / (peak - 0.52);
  return mix(c * bent / peak, vec3(bent), 1.0 - 1.0 / (0.15 * (peak - bent) + 1.0));
}
vec3 encoded(vec3 c) {
  return mix(12.92 * c, 1.055 * pow(max(c, 0.0031308), vec3(1.0 / 2.4)) - 0.055, step(0.0031308, c));
}
void main() {
  vec4 base = clay ? vec4(0.46, 0.44, 0.42, colour.a * tint.a) : colour * tint * texture(picture, where);
  if (base.a < cutoff) discard;
  vec3 n = flatly ? normalize(cross(dFdx(at), dFdy(at))) : normalize(across);
  vec3 v = normalize(eye - at);
  if (!flatly && !gl_FrontFacing) n = -n;
  if (unlit && !clay) { result = vec4(encoded(base.rgb), base.a); return; }
  vec4 surface = texture(finish, where);
  float rough = clamp(clay ? 0.55 : roughness * surface.g, 0.06, 1.0), metal = clay ? 0.0 : metallic * surface.b;
  float nv = max(dot(n, v), 1e-3);
  vec3 mirror = mix(vec3(reflectance), base.rgb, metal);
  vec3 fresnel = mirror + (max(vec3(1.0 - rough), mirror) - mirror) * pow(1.0 - nv, 5.0);

  vec3 lifted = at + n * radius * 0.008;
  vec3 sky = vec3(0.0);
  float open = 0.0, total = 0.0;
  for (int i = 0; i < SKY; i++) {
    float facing = dot(n, lampAt[i]);
    if (facing <= 0.0) continue;
    float here = facing * arrives(i, lifted, 0.03);
    vec3 lamp = mix(vec3(0.42, 0.40, 0.38), vec3(1.0, 1.02, 1.06), smoothstep(-0.7, 0.7, lampAt[i].y));
    sky += lamp * here;
    open += here;
    total += facing;
  }
  sky *= 4.0 / float(SKY);
  open /= max(total, 1e-3);

  // Light that enters skin comes out beside where it entered: the edge of its shade is wide and reddish.
  vec3 wrap = softness * vec3(0.32, 0.16, 0.10);
  float nl = dot(n, keyLight), lit = keyArrives(at + n * radius * 0.006);
  vec3 key = 1.1 * max((nl + wrap) / (1.0 + wrap), 0.0) * mix(vec3(lit), pow(vec3(lit), vec3(0.7, 1.0, 1.1)), softness);
  float behind = 0.4 * max(dot(n, backLight), 0.0) * open;
  vec3 diffuse = base.rgb * (1.0 - metal) * (0.56 * sky + key + behind);

  vec3 h = normalize(keyLight + v);
  float shine = gloss(max(dot(n, h), 0.0), max(nl, 0.0), nv, max(rough, 0.18)) * max(nl, 0.0) * lit * 1.1;
  vec3 light = diffuse + mirror * shine + fresnel * room(reflect(-v, n), rough) * open + (clay ? vec3(0.0) : emissive);
  result = vec4(encoded(toned(light)), base.a);
}`;

const LINE_FRAGMENT = `#version 300 es
precision mediump float;
uniform vec4 ink;
out vec4 result;
void main() { result = ink; }`;
