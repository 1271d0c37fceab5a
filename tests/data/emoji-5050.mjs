// The pictures of emoji-5050.zip; run by make-emoji-5050.
// usage: node emoji-5050.mjs NODE_MODULES OUT.zip SHEET.jpg
// An emoji is Positive or Negative by the sign of its polarity in emoji-emotion; polarity 0 is left
// out. Each is drawn once for every set that has it, 96x96 on white.
import fs from 'node:fs'
import zlib from 'node:zlib'
import sharp from 'sharp'
import {emojiEmotion} from 'emoji-emotion'

const SIDE = 96
const QUALITY = 88
const SETS = ['emojione', 'fluent-emoji', 'fluent-emoji-flat', 'noto', 'noto-v1', 'twemoji']
const [modules, out, sheet] = process.argv.slice(2)

const read = (set, file) =>
    JSON.parse(fs.readFileSync(`${modules}/@iconify-json/${set}/${file}.json`, 'utf8'))
const icons = Object.fromEntries(SETS.map((set) => [set, read(set, 'icons')]))
const chars = Object.fromEntries(SETS.map((set) => [set, read(set, 'chars')]))

// Variation selector 16 asks for the coloured form and is no part of the name.
function codeOf(emoji) {
    return [...emoji].map((c) => c.codePointAt(0)).filter((c) => c !== 0xfe0f)
        .map((c) => c.toString(16)).join('-')
}

function nameIn(table, code) {
    if (table[code]) return table[code]
    const same = Object.keys(table).find((k) => k.replace(/-fe0f/g, '') === code)
    return same && table[same]
}

// A set without its own table of code points names an icon as one of these sets does.
function bodyOf(set, code) {
    for (const names of [set, 'noto', 'twemoji', 'fluent-emoji-flat']) {
        let name = nameIn(chars[names], code)
        const alias = icons[set].aliases?.[name]
        if (alias) {
            if (alias.rotate || alias.hFlip || alias.vFlip) continue
            name = alias.parent
        }
        const icon = icons[set].icons[name]
        if (icon) return icon
    }
    return null
}

async function draw(set, icon) {
    const w = icon.width ?? icons[set].width ?? 16
    const h = icon.height ?? icons[set].height ?? 16
    const box = `${icon.left ?? 0} ${icon.top ?? 0} ${w} ${h}`
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" ` +
        `xmlns:xlink="http://www.w3.org/1999/xlink" width="${SIDE}" height="${SIDE}" ` +
        `viewBox="${box}">${icon.body}</svg>`
    return sharp(Buffer.from(svg)).flatten({background: '#ffffff'}).toColourspace('srgb')
        .jpeg({quality: QUALITY, chromaSubsampling: '4:2:0', optimiseCoding: true}).toBuffer()
}

// A contact sheet for people: a column an emoji, a row a set, the negative ones left.
async function contactSheet(files) {
    const cell = 48
    const columns = [...pick('Negative', 9), ...pick('Positive', 9)]
    const placed = await Promise.all(columns.flatMap((emoji, x) => SETS.map(async (set, y) => ({
        input: await sharp(files.find((f) => f.name === `${emoji}_${set}.jpg`).data)
            .resize(cell, cell).toBuffer(),
        left: x * cell + (x < 9 ? 0 : cell / 2),
        top: y * cell,
    }))))
    const blank = {width: 18 * cell + cell / 2, height: SETS.length * cell, channels: 3,
        background: '#ffffff'}
    return sharp({create: blank}).composite(placed).jpeg({quality: 85}).toBuffer()

    function pick(folder, count) {
        const whole = [...new Set(files.map((f) => f.name.split('_')[0]))].filter((emoji) =>
            emoji.startsWith(folder) && files.filter((f) => f.name.startsWith(`${emoji}_`)).length
                === SETS.length)
        return Array.from({length: count}, (_, i) =>
            whole[Math.floor(((i + 0.5) * whole.length) / count)])
    }
}

// Stored entries, dated 1 January 1980, in the order given: nothing in it depends on the day.
function zip(files) {
    const locals = []
    const central = []
    let at = 0
    for (const {name, data} of files) {
        const bytes = Buffer.from(name, 'utf8')
        const fields = Buffer.alloc(26)
        fields.writeUInt16LE(10, 0)
        fields.writeUInt16LE(0x21, 8)
        fields.writeUInt32LE(zlib.crc32(data), 10)
        fields.writeUInt32LE(data.length, 14)
        fields.writeUInt32LE(data.length, 18)
        fields.writeUInt16LE(bytes.length, 22)
        const entry = Buffer.alloc(46)
        entry.write('PK\x01\x02', 0, 'latin1')
        entry.writeUInt16LE(0x031e, 4)
        fields.copy(entry, 6)
        entry.writeUInt32LE(0o100644 * 65536, 38)
        entry.writeUInt32LE(at, 42)
        central.push(entry, bytes)
        locals.push(Buffer.from('PK\x03\x04', 'latin1'), fields, bytes, data)
        at += 30 + bytes.length + data.length
    }
    const directory = Buffer.concat(central)
    const end = Buffer.alloc(22)
    end.write('PK\x05\x06', 0, 'latin1')
    end.writeUInt16LE(files.length, 8)
    end.writeUInt16LE(files.length, 10)
    end.writeUInt32LE(directory.length, 12)
    end.writeUInt32LE(at, 16)
    return Buffer.concat([...locals, directory, end])
}

const files = []
for (const {emoji, polarity} of emojiEmotion) {
    if (polarity === 0) continue
    const code = codeOf(emoji)
    for (const set of SETS) {
        const icon = bodyOf(set, code)
        if (!icon) {
            console.error(`${code} ${emoji}: not drawn in ${set}`)
            continue
        }
        const folder = polarity < 0 ? 'Negative' : 'Positive'
        files.push({name: `${folder}/${code}_${set}.jpg`, data: await draw(set, icon)})
    }
}
files.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
fs.writeFileSync(out, zip(files))
fs.writeFileSync(sheet, await contactSheet(files))
console.error(`${files.length} pictures`)
