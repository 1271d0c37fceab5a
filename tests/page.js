/*
 * Put at the end of a page: shows it to itself in frames as wide as a phone and a desktop screen, all
 * details open, and writes what is wrong with it, or "nothing", into the title. To be wrong: wider
 * than the screen; a picture not shown or without a text; no language, title or single h1; headings
 * that skip a level; tables without caption or scope; regions that scroll, but not by key; text,
 * that in the charts too, of less contrast than 4.5 to 1 (WCAG 2.1, 1.4.3) in its colours here.
 */
'use strict';

const rgb = (s) => {
    const n = s.match(/[\d.]+/g).map(Number);
    return { at: n.slice(0, 3), alpha: n.length > 3 ? n[3] : 1 };
};
const over = (top, below) => top.at.map((v, i) => top.alpha * v + (1 - top.alpha) * below[i]);
const luminance = (at) => {
    const [r, g, b] = at.map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (a, b) => {
    const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
};

/* What lies behind an element's text, on white as the last resort. */
const behind = (e) => {
    const below = e.parentElement ? behind(e.parentElement) : [255, 255, 255];
    return over(rgb(getComputedStyle(e).backgroundColor), below);
};

const wrong = [];
let texts = 0, chartTexts = 0;
const need = (ok, what) => ok || wrong.push(what);
const enough = (ink, paper, what) => {
    const found = contrast(ink, paper);
    need(found >= 4.5, `contrast ${found.toFixed(2)} of ${what}`);
};

const checkText = () => {
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
        const e = walk.currentNode.parentElement, text = walk.currentNode.data.trim();
        if (text === '' || e.tagName === 'SCRIPT' || e.getClientRects().length === 0) continue;
        const paper = behind(e);
        enough(over(rgb(getComputedStyle(e).color), paper), paper, `"${text.slice(0, 40)}"`);
        texts++;
    }
};

/* A colour as an image's filter lets it through. */
const filtered = (colour, filter) => {
    const pen = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d');
    pen.filter = filter;
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
};

/* The chart is drawn, and what is to the left of each text in it is what lies behind. */
const checkChart = (img) => {
    const canvas = document.createElement('canvas'), holder = document.createElement('div');
    const { filter } = getComputedStyle(img);
    canvas.width = img.naturalWidth;
    canvas.height = img.naturalHeight;
    const pen = canvas.getContext('2d');
    pen.filter = filter;
    pen.fillStyle = getComputedStyle(img).backgroundColor;
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(img, 0, 0);
    holder.innerHTML = atob(img.src.slice(img.src.indexOf(',') + 1)).replace(/^[^]*?<svg/, '<svg');
    holder.firstElementChild.setAttribute('width', canvas.width);
    holder.firstElementChild.setAttribute('height', canvas.height);
    document.body.append(holder);
    const corner = holder.firstElementChild.getBoundingClientRect();
    for (const e of holder.querySelectorAll('text')) {
        const box = e.getBoundingClientRect();
        if (e.textContent.trim() === '' || box.width === 0) continue;
        const x = Math.max(0, box.left - corner.left - 3), y = box.top - corner.top + box.height / 2;
        const paper = [...pen.getImageData(x, y, 1, 1).data].slice(0, 3);
        enough(filtered(getComputedStyle(e).fill, filter), paper, `"${e.textContent.trim()}" in a chart`);
        chartTexts++;
    }
    holder.remove();
};

const checkPage = () => {
    const root = document.documentElement;
    document.querySelectorAll('details').forEach((e) => { e.open = true; });
    need(root.scrollWidth <= root.clientWidth, `${root.scrollWidth} pixels wide`);
    need(root.lang !== '' && document.title !== '', 'no language or title');
    for (const img of document.images) {
        need(img.complete && img.naturalWidth > 0, 'a picture that is not shown');
        need(img.alt.length >= 30, `a picture's text: "${img.alt}"`);
    }
    const levels = [...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].map((e) => Number(e.tagName[1]));
    need(levels.filter((n) => n === 1).length === 1, 'not one h1');
    levels.forEach((n, i) => need(n <= (i > 0 ? levels[i - 1] : 0) + 1, `an h${n} after an h${levels[i - 1]}`));
    for (const e of document.querySelectorAll('table')) need(e.caption !== null, 'a table without a caption');
    for (const e of document.querySelectorAll('th')) need(e.scope !== '', 'a th without a scope');
    for (const e of document.querySelectorAll('body *')) {
        const scrolls = /auto|scroll/.test(getComputedStyle(e).overflowX) && e.scrollWidth > e.clientWidth;
        need(!scrolls || e.tabIndex >= 0, `a ${e.tagName} that scrolls, but not by key`);
    }
    const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
    need(new Set(ids).size === ids.length, 'an id used twice');
    checkText();
    for (const img of document.images) if (img.src.startsWith('data:image/svg')) checkChart(img);
    return { wrong, texts, chartTexts, images: document.images.length, width: root.clientWidth,
        dark: matchMedia('(prefers-color-scheme: dark)').matches };
};

addEventListener('load', async () => {
    if (window.top !== window) {
        window.found = checkPage();
        return;
    }
    const page = document.documentElement.outerHTML, found = [];
    document.body.textContent = '';
    for (const width of [390, 1280]) {
        const frame = document.createElement('iframe');
        frame.style = `width: ${width}px; height: 900px; border: 0`;
        frame.srcdoc = `<!DOCTYPE html>${page}`;
        await new Promise((done) => { frame.onload = done; document.body.append(frame); });
        found.push(frame.contentWindow.found);
        frame.remove();
    }
    const f = found[0];
    document.title = `at ${found.map((x) => x.width).join(', ')} ${f.dark ? 'dark' : 'light'}: ` +
        `${f.images} images, ${f.texts} texts, ${f.chartTexts} in charts; wrong: ` +
        ([...new Set(found.flatMap((x) => x.wrong))].join('; ') || 'nothing');
    document.body.textContent = '';
});
