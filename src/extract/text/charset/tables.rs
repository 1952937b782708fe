//! Single-byte code pages of DOS that browsers never met, so that `encoding_rs` does not have them.
//!
//! Each is the 128 characters from 0x80 on, as in the tables of the Unicode Consortium (VENDORS/MICSFT/PC).

/// A code page by its characters from 0x80 on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub labels: &'static [&'static str],
    upper_half: &'static str,
}

pub(super) static CP437: Table = Table {
    labels: &["ibm437", "cp437", "437"],
    upper_half: "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒ\
        áíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
        └┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀\
        αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}",
};

pub(super) static CP850: Table = Table {
    labels: &["ibm850", "cp850", "850"],
    upper_half: "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒ\
        áíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐\
        └┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀\
        ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{ad}±‗¾¶§÷¸°¨·¹³²■\u{a0}",
};

pub(super) static CP852: Table = Table {
    labels: &["ibm852", "cp852", "852"],
    upper_half: "ÇüéâäůćçłëŐőîŹÄĆÉĹĺôöĽľŚśÖÜŤťŁ×č\
        áíóúĄąŽžĘę¬źČş«»░▒▓│┤ÁÂĚŞ╣║╗╝Żż┐\
        └┴┬├─┼Ăă╚╔╩╦╠═╬¤đĐĎËďŇÍÎě┘┌█▄ŢŮ▀\
        ÓßÔŃńňŠšŔÚŕŰýÝţ´\u{ad}˝˛ˇ˘§÷¸°¨˙űŘř■\u{a0}",
};

pub(super) static CP855: Table = Table {
    labels: &["ibm855", "cp855", "855"],
    upper_half: "ђЂѓЃёЁєЄѕЅіІїЇјЈљЉњЊћЋќЌўЎџЏюЮъЪ\
        аАбБцЦдДеЕфФгГ«»░▒▓│┤хХиИ╣║╗╝йЙ┐\
        └┴┬├─┼кК╚╔╩╦╠═╬¤лЛмМнНоОп┘┌█▄Пя▀\
        ЯрРсСтТуУжЖвВьЬ№\u{ad}ыЫзЗшШэЭщЩчЧ§■\u{a0}",
};

impl Table {
    pub fn decode(&self, bytes: &[u8]) -> String {
        let upper: Vec<char> = self.upper_half.chars().collect();
        let characters = bytes.iter().map(|byte| match byte.checked_sub(0x80) {
            Some(place) => upper[usize::from(place)],
            None => char::from(*byte),
        });
        characters.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_whole() {
        for table in [&CP437, &CP850, &CP852, &CP855] {
            assert_eq!(table.upper_half.chars().count(), 128, "{}", table.labels[0]);
        }
        assert_eq!(CP437.decode(b"a\x81\xff"), "aü\u{a0}");
        assert_eq!(CP855.decode(b"\xa1"), "А");
    }
}
