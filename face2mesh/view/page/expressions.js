// ARKit's shapes in groups, faces made of them, and a sentence.

const GROUPS = [["Eyes", /^eye/], ["Jaw", /^jaw/], ["Mouth", /^mouth/], ["Brows", /^brow/], ["Cheeks", /^cheek/], ["Nose", /^nose/], ["Tongue", /^tongue/]];

// A name without side stands for both.
const SMILE = { mouthSmile: 0.8, mouthDimple: 0.15, cheekSquint: 0.45, eyeSquint: 0.3, mouthUpperUp: 0.12 };
const SURPRISE = { browInnerUp: 0.85, browOuterUp: 0.8, eyeWide: 0.75, jawOpen: 0.4, mouthFunnel: 0.15 };

const VISEMES = {
  rest: {},
  p: { mouthPress: 0.4, mouthRollLower: 0.3, mouthRollUpper: 0.25 },
  f: { mouthRollLower: 0.55, mouthUpperUp: 0.25, jawOpen: 0.05 },
  t: { jawOpen: 0.1, mouthLowerDown: 0.25, mouthStretch: 0.1 },
  s: { jawOpen: 0.03, mouthStretch: 0.25, mouthSmile: 0.15, mouthLowerDown: 0.3, mouthUpperUp: 0.1 },
  sh: { jawOpen: 0.06, mouthFunnel: 0.5, mouthPucker: 0.2 },
  k: { jawOpen: 0.18, mouthLowerDown: 0.15 },
  a: { jawOpen: 0.38, mouthLowerDown: 0.25, mouthUpperUp: 0.15 },
  e: { jawOpen: 0.22, mouthStretch: 0.25, mouthSmile: 0.2, mouthLowerDown: 0.2 },
  i: { jawOpen: 0.14, mouthSmile: 0.3, mouthStretch: 0.2, mouthLowerDown: 0.15 },
  o: { jawOpen: 0.26, mouthFunnel: 0.45, mouthPucker: 0.25 },
  u: { jawOpen: 0.1, mouthPucker: 0.7, mouthFunnel: 0.25 },
};
// "Hello. One photo was enough to make me speak."
const SENTENCE = "rest k e t o u rest rest u a t f o u t o u u a s i t a f t u p e i k p i s p i k rest rest rest".split(" ");
const SYLLABLE = 0.115; // seconds
const BLINKS = [0.75, 3.6];
const BROWS = [0.2, 1.9];

function bothSides(face) {
  const out = new Map();
  for (const [name, weight] of Object.entries(face)) for (const side of ["", "Left", "Right"]) out.set(name + side, weight);
  return out;
}

// Weights at a time: each sound is a bell over its neighbours', which is how mouths blur one into the next.
function speechAt(seconds) {
  const length = SENTENCE.length * SYLLABLE, time = ((seconds % length) + length) % length;
  const out = new Map();
  const add = (face, share) => {
    for (const [name, weight] of bothSides(face)) out.set(name, (out.get(name) || 0) + weight * share);
  };
  SENTENCE.forEach((sound, i) => {
    const away = Math.abs(time / SYLLABLE - i - 0.5);
    if (away < 1) add(VISEMES[sound], 0.5 + 0.5 * Math.cos(Math.PI * away));
  });
  for (const start of BLINKS) add({ eyeBlink: 1 }, bell((time - start) / 0.09));
  for (const start of BROWS) add({ browInnerUp: 0.35, browOuterUp: 0.25 }, bell((time - start) / 0.35));
  return out;
}

const bell = (x) => (Math.abs(x) < 1 ? 0.5 + 0.5 * Math.cos(Math.PI * x) : 0);
