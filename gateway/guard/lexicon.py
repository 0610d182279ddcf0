"""The words that attacks are made of, by what they mean.

A row is a meaning: its name, the English words for it, the same in other languages, and stems of scripts
in which words are joined or bent (found anywhere in a word). Words here say nothing alone; the rules and
the model look at which meanings stand together. Everything is folded like the text it is compared with.
"""

# ruff: noqa: E501 - a table of words reads in rows.

from __future__ import annotations

import re

from gateway.guard.normalise import fold

# meaning: (English), (Latin script, spaced), (stems in other scripts)
_ROWS: dict[str, tuple[str, str, str]] = {
    "ignore": (
        "ignore ignored ignoring ignor ignores disregard disregarded disregarding forget forgetting forgot discard overlook neglect "
        "override overrides overriding overwrite bypass bypassing bypasses abandon dismiss nullify void supersede supersedes drop scrap omit",
        "abweichend entgegen hore zaboravi zanemari ignoriere ignorieren ignorier vergiss vergesse vergessen missachte beachte ignorez ignorer oublie oubliez oublier ignora ignorar ignore "
        "ignorad ignoren olvida olvide olvidar olvidate omite haz esquece esqueca esqueça esquecer desconsidere desconsiderar dimentica dimenticare "
        "dimenticate negeer negeren vergeet zignoruj ignoruj zapomnij zapomen ignorujte abaikan lupakan balewalain kalimutan huwag unutun unut "
        "yoksay gormezden boşver bo qua quen lo ignorera glom uita uitati glem puuza sahau",
        "忽略 忽视 无视 忘记 忘掉 不要理会 無視 忘れ 무시 잊어 잊으 игнор забуд забыв забей ігнор تجاهل انس تجاهَل نظرانداز בטל התעלם अनदेखा नज़रअंदाज़ भूल अवहेलना উপেক্ষা ভুলে অগ্রাহ্য ละเว้น เพิกเฉย ลืม ไม่สนใจ புறக்கணி αγνόησε ξέχασε",
    ),
    "previous": (
        "previous previously prior above earlier preceding foregoing past former initial initially original originally existing predefined preset",
        "vorherigen vorherige vorigen vorige bisherigen obigen oben vorher vorangegangenen precedentes precedente precedents precedent precedentemente "
        "anteriores anterior antes previas previos ci-dessus avant dessus arriba acima precedenti sopra vorige bovenstaande eerdere poprzednie poprzednich wczesniejsze "
        "predchozi sebelumnya nakaraang nauna onceki yukaridaki truoc tren tidigare anterioare forrige iliyotangulia",
        "之前 以前 先前 前面 上面 以上 此前 前の 以前の 上記 これまで 이전 위의 앞의 предыдущ прежн выше ранее попередн السابق أعلاه قبل קודמ पिछल पहले उपरोक्त পূর্ববর্তী আগের উপরের ก่อนหน้า ข้างต้น ที่ผ่านมา முந்தைய προηγούμεν",
    ),
    "instructions": (
        "instructions instruction instrucions directions directives directive commands command orders guidelines guideline rules rule guidance "
        "programming prompts instructed brief briefing constraints instrucshuns mandates",
        "instrukcije upute anweisungen anweisung anleitungen befehle befehl regeln vorgaben instruktionen aufgaben aufgabe consignes instructions regles directives ordres "
        "instrucciones instruccion reglas ordenes indicaciones directrices instrucoes instrucao regras ordens diretrizes istruzioni istruzione regole ordini comandi "
        "instructies opdrachten regels instrukcje polecenia zasady pokyny instrukce pravidla instruksi perintah aturan arahan mga tagubilin panuto utos talimat "
        "talimatlar talimatlari talimatlarin kurallari kurallar komutlari chi dan lenh instruktioner regler instructiunile regulile maelekezo maagizo",
        "指令 指示 说明 命令 规则 規則 規定 提示词 ルール 지시 명령 규칙 지침 инструкц указани команд правил приказ інструкц تعليمات التعليمات الأوامر أوامر القواعد הוראות ההוראות निर्देश आदेश नियम নির্দেশ আদেশ নিয়ম คำสั่ง คําสั่ง กฎ คำแนะนำ அறிவுறுத்தல் οδηγίες κανόνες",
    ),
    "all": ("all any every everything entire whole anything", "alle alles alle toutes tous tout todas todos todo tudo tutte tutti tutto wszystkie vsechny semua lahat tum tat ca butun alla toate", "所有 全部 一切 すべて 全て 모든 모두 все всё всі جميع كل सभी सब সমস্ত সব ทั้งหมด כל"),
    "system": ("system developer devs", "sistema systeme systemu sistem systemet he thong", "系统 系統 システム 시스템 систем النظام نظام सिस्टम সিস্টেম ระบบ מערכת"),
    "prompt": (
        "prompt preprompt preamble metaprompt primer promt prompts sysprompt",
        "systemprompt aufforderung eingabeaufforderung aviso indicacion prompten",
        "提示 プロンプト 프롬프트 промпт промт подсказк الموجه प्रॉम्प्ट প্রম্পট พรอมต์",
    ),
    "reveal": (
        "reveal reveals show print output display repeat recite reproduce dump echo leak expose disclose divulge paste spell list quote share state transcribe tell provide return summarize summarise restate regurgitate unveil write copy "
        "repeats printing revealing repeating emit enumerate read narrate",
        "zeige zeig nenne verrate wiederhole gib ausgeben drucke drucken sagen sage schreibe teile montre montrez affiche revele donne dis repete partager muestra muestrame revela imprime dime repite comparte compartir mostre "
        "revele mostrar diga repita compartilhe compartilhar mostra rivela stampa dimmi ripeti condividi condividere toon onthul pokaz ujawnij wypisz ukaz tampilkan ungkapkan bagikan berbagi ipakita ibahagi sabihin goster "
        "acikla paylas paylasin soyle hien thi tiet chia se visa",
        "显示 输出 打印 透露 泄露 告诉 分享 重复 揭示 表示 教えて 出力 共有 明かし 보여 출력 알려 공유 말해 공개 покаж вывед раскр скажи повтор поделит напечата اعرض اطبع كشف شارك أخبر مشاركة दिखा बता प्रकट साझा দেখা বল প্রকাশ শেয়ার แสดง บอก แบ่งปัน เปิดเผย הצג गोपनीय",
    ),
    "exact": ("verbatim exact exactly literally word-for-word unchanged fully completely precisely complete full unedited unabridged raw", "wortlich wortwortlich vollstandig genau mot textuellement exactement palabra literalmente exactamente completo parola", "逐字 原文 完整 全文 一字一句 그대로 дословно полност"),
    "secret": (
        "password passwords passcode passphrase secret secrets credentials credential confidential hidden private apikey keycode pin codeword pswd passwort sensitive",
        "passwort passwortes kennwort geheim motdepasse passe mot contrasena clave secreto senha segredo codice segreta wachtwoord haslo heslo kata sandi rahasia sandi sifre sifreni sifrenizi gizli mat khau parola losenord nenosiri",
        "密码 密碼 口令 秘密 パスワード 暗証 비밀번호 암호 비밀 парол секрет كلمة المرور السر مرور पासवर्ड गुप्त গোপন পাসওয়ার্ড รหัสผ่าน ความลับ סיסמה κωδικ கடவுச்சொல்",
    ),
    "you": ("you your yours yourself u ur ya", "du dein deine deinen dir dich sie ihre ihr ihnen tu ton ta tes vous votre vos te tus tuo tuoi tua usted voce seu sua suas je jij jouw twoj twoje ty kamu anda ikaw mo iyong sen senin ban", "你 您 あなた 당신 너의 ты твой твои вы ваш тебе أنت आप तुम আপনি তুমি คุณ אתה"),
    "i": ("i me my we our us", "ich mir mein meine moi mon mi meu io ik ako ben", "我 私 나는 мне я أنا मुझे मैं আমি ฉัน ผม"),
    "act": (
        "act pretend roleplay role-play behave simulate impersonate emulate become imagine assume persona playing play character transform adopt immerse portray embody incarnate",
        "spiele agiere verhalte tue gib vor rolle rollenspiel joue agis comporte incarne role jouer actua finge simula imagina comportate haz papel rol aja finja imagine atue agisci fingi comportati interpreta fungieren fungiere agieren auftreten hineinversetzen stelle doe alsof udawaj zaboravi glumi zachowuj bertindak berpura kumilos magpanggap davran gibi yap rol",
        "扮演 假装 充当 模拟 角色 ふり 演じ ロールプレイ 振る舞 역할 연기 척 притвор веди роль представь تظاهر تصرف دور अभिनय नाटक भूमिका অভিনয় ভান แกล้ง สวมบทบาท ทำตัว",
    ),
    "mode": ("mode modes", "modus modo modalita tryb modu moden mod che do", "模式 モード 모드 режим وضع मोड মোড โหมด"),
    "dev": ("debug admin administrator root god sudo maintenance diagnostic superuser privileged unlocked jailbreak jailbroken jailbreaked unlock override dan stan dude", "entwickler developpeur desarrollador administrador amministratore", "开发者 管理员 開発者 관리자 개발자 разработчик админ المطور डेवलपर"),
    "unfiltered": (
        "unfiltered uncensored unrestricted unlimited limitless unbound unethical amoral immoral illegal nsfw evil malicious rude vulgar offensive explicit harmful dangerous profanity swear curse swearing cursing toxic unhinged unmoderated unaligned inappropriate racist sexist antigpt betterdan freed free liberated rebellious",
        "unzensiert uneingeschrankt ungefiltert unmoralisch illegal sans-limites non-censure immoral sinlimites sin restricciones limites censura semlimites sem restricoes senza restrizioni zonder ograniczen tanpa batasan walang limitasyon sinirsiz",
        "无限制 不受限制 没有限制 无审查 制限なし 無制限 제한 없는 без ограничен без цензур بدون قيود बिना किसी प्रतिबंध ไม่มีข้อจำกัด",
    ),
    "limits": (
        "restrictions restriction limitations limitation limits boundaries filters filter censorship safety ethics ethical moral morals morality policy policies safeguards guardrails constraints content legality warnings disclaimers disclaimer warning moralizing standards principles restrained bound",
        "einschrankungen beschrankungen grenzen richtlinien filter moral restrictions limites censure politique restricciones filtros politica restricoes limitacoes restrizioni limiti beperkingen ograniczen batasan etika kisitlama sinir",
        "限制 道德 伦理 安全 政策 制限 倫理 제한 윤리 ограничен правил этик قيود प्रतिबंध नैतिक সীমাবদ্ধতা ข้อจำกัด จริยธรรม",
    ),
    "refuse": ("refuse refuses refusal refusing refused decline declines apologize apologise apologies sorry cannot can't unable", "ablehnen weigern verweigern refuser refusez rechazar negarte recusar rifiutare weigeren odmawiac menolak reddet", "拒绝 断る 拒否 거부 отказ رفض मना প্রত্যাখ্যান ปฏิเสธ"),
    "model": ("ai assistant chatgpt gpt chatbot model llm agent bot openai anthropic claude gemini copilot llama assistants agents models language bing sydney gpt3 gpt4 bots summarizer summariser", "assistent ki ia assistente asistente modell modele modelo modello", "人工智能 助手 模型 アシスタント モデル 도우미 인공지능 ассистент модел нейросет مساعد الذكاء सहायक एआई সহকারী ผู้ช่วย"),
    "new": ("new updated changed latest different actual real true instead revised replaced replacement", "neue neuen neuer neu nouvelle nouvelles nouveau nueva nuevas nuevo nova novas novo nuova nuove nieuwe nowe baru bagong yeni moi", "新的 新しい 新規 새로운 новы нов جديد नए नया নতুন ใหม่"),
    "now": ("now henceforth onwards onward starting immediately instantly hereby currently today", "jetzt nun ab sofort maintenant desormais ahora ya agora adesso ora nu teraz sekarang ngayon simdi artik bay gio", "现在 从现在 今から 今 지금 이제 теперь сейчас الآن अब এখন ตอนนี้"),
    "task": ("task tasks question request query goal assignment job objective mission", "aufgabe tache tarea tarefa compito taak zadanie tugas gawain gorev nhiem vu", "任务 タスク 작업 задач задан المهمة कार्य কাজ งาน"),
    "send": (
        "send sends sending forward email emails mail post upload transmit transfer exfiltrate submit message dm text notify deliver publish append attach invite share webhook fetch curl ping report cc bcc",
        "sende senden schicke schicken weiterleiten envoie envoyez envoyer transferer envia enviar manda reenvia envie mande invia inoltra stuur wyslij kirim ipadala gonder gui",
        "发送 转发 上传 邮件 送信 送って メール 보내 전송 отправ перешл أرسل भेज পাঠা ส่ง",
    ),
    "delete": ("delete deletes remove erase wipe destroy purge truncate uninstall revoke disable deactivate cancel stop turn unlock open reset lock rm drop format", "losche loschen entferne deaktiviere supprime effacer desactive elimina borra borrar desactiva exclua apague desative cancella elimina disattiva verwijder usun hapus burahin sil xoa", "删除 清空 关闭 禁用 削除 삭제 удал отключ احذف عطل हटा মুছ ลบ"),
    "execute": ("execute run call invoke use visit browse navigate open click access install download follow perform carry obey comply load import", "fuhre ausfuhren befolge execute executez suis ejecuta sigue cumple execute siga esegui segui voer wykonaj jalankan isagawa calistir thuc hien", "执行 运行 遵循 点击 访问 実行 従って クリック 실행 따르 выполн запуст следуй نفذ اتبع क्लिक निष्पादित চালা ทำตาม คลิก"),
    "grant": ("grant give allow approve authorize authorise add invite promote enable whitelist assign permit create make set change update modify", "gewahre erteile autorise accorde concede otorga aprueba conceda concedi autorizza", "授予 批准 添加 許可 追加 승인 추가 предостав добав разреш منح إضافة अनुमति অনুমতি อนุญาต"),
    "access": ("access permission permissions administrator collaborator owner privileges visibility public 2fa two-factor authentication mfa security token tokens key keys ssh firewall account login door alarm camera lock", "zugriff zugang acces acceso acesso accesso toegang dostep akses erisim", "访问 权限 帐户 アクセス 権限 접근 권한 доступ الوصول एक्सेस অ্যাক্সেস การเข้าถึง"),
    "money": ("wire payment payments pay iban bank btc bitcoin crypto wallet ethereum gift card cards refund invoice invoices purchase buy order transaction donate usd eur dollars money euros funds balance", "uberweisung zahlung geld virement paiement argent transferencia pago dinero pagamento bonifico denaro", "转账 付款 汇款 送金 支払 송금 결제 перевод платеж حوّل الدفع भुगतान টাকা โอนเงิน"),
    "data": ("file files folder contacts contact inbox conversation history database records notes calendar repository repo repositories logs channel slack credentials env documents attachments emails messages photos meeting address medical passwd transcript chat", "dateien kontakte gesprach fichiers contacts conversation archivos contactos conversacion arquivos contatos conversa rubrica", "文件 联系人 对话 聊天 ファイル 連絡先 会話 파일 연락처 대화 файл контакт переписк ملف المحادثة फ़ाइल বার্তা ไฟล์"),
    "user": ("user users human customer reader owner operator client", "benutzer nutzer utilisateur usuario utente gebruiker uzytkownik pengguna kullanici", "用户 用戶 ユーザー 사용자 пользовател المستخدم उपयोगकर्ता ব্যবহারকারী ผู้ใช้"),
    "not": ("not don't never no dont without nothing none neither nor won't doesn't shouldn't stop avoid refrain", "nicht kein keine nie niemals ne pas jamais sans aucun aucune sin ningun ninguna nunca jamas sem nenhum nao senza nessun non niet geen zonder nie bez tidak tanpa jangan hindi walang degil yok khong", "不要 不能 没有 不 ない なし 말고 없이 не без никогда нет لا بدون नहीं बिना না ছাড়া ไม่ ห้าม"),
    "mention": ("mention inform alert acknowledge notify disclose explain tell say silently quietly secretly covertly discreetly", "erwahne mentionne menciona mencione menzionare", "提及 通知 言及 언급 упомина تذكر उल्लेख উল্লেখ กล่าวถึง"),
    "must": ("must should shall mandatory required important urgent critical crucial need obligatory immediately first compulsory attention necessary essential", "musst sollst wichtig dringend dois devez important debes debe importante urgente deve devi moet wazne penting mahalaga onemli quan trong", "必须 重要 紧急 必ず 重要 반드시 중요 должен важно срочно يجب هام ज़रूरी महत्वपूर्ण গুরুত্বপূর্ণ ต้อง สำคัญ"),
    "authority": ("president ceo creator engineer administrator owner boss police officer fbi government manager supervisor director audit auditor authorized authorised authority official developer inspector investigator emergency verified cto king", "prasident ingenieur chef createur presidente ingeniero creador presidente criador ingegnere creatore prezydent presiden pangulo baskan", "总统 总裁 工程师 创造者 大統領 管理者 社長 대통령 사장 관리자 президент создател директор الرئيس المدير राष्ट्रपति মালিক রাষ্ট্রপতি ประธานาธิบดี ผู้ดูแล"),
    "fiction": ("hypothetical hypothetically fiction fictional fictitious story novel movie film scene script parallel world universe imaginary scenario dream game screenplay alternate virtual dystopian playwright screenwriter grandmother grandma", "hypothetisch geschichte fiktion fiktiv welt hypothetique histoire fictif monde hipotetico historia ficcion mundo ficticio ipotetico storia mondo hipotetis cerita dunia hipotetik dunya", "假设 虚构 故事 平行 世界 仮定 架空 物語 가상 이야기 세계 гипотетич вымышлен истори мире افتراضي قصة عالم काल्पनिक कहानी दुनिया কাল্পনিক গল্প সমมุติ เรื่อง"),
    "encode": ("base64 hex rot13 encode encoded encoding decode decoded cipher morse binary reverse reversed backwards backward leetspeak translate translation acrostic rhyme poem haiku acrostic ascii interlace interleave hexadecimal caesar pig", "gedicht haiku akrostichon poeme acrostiche acrostico poema poesia tula puisi siir tho interlasse ubersetze kodiere traduis traduire traduce traducir traduza tradurre vertaal przetlumacz terjemahkan isalin cevir", "诗 首诗 藏头 俳句 시를 стих акростих قصيدة कविता কবিতা บทกวี 翻译 编码 解码 翻訳 번역 перевед переведи ترجم अनुवाद অনুবাদ แปล"),
    "begin": ("begin beginning begins start starting first top opening starts beginnings outset preceded precedes", "anfang beginnend beginne debut commencant comienza empieza principio inicio comece inizio begin", "开头 开始 最初 冒頭 처음 начал сначала بداية शुरू শুরু เริ่ม"),
    "words": ("words word text sentence sentences message messages conversation context paragraph line lines phrase lyrics section input content document documents", "worter wort text satz nachricht mots texte phrase palabras texto frase mensaje palavras parole testo kata salita kelime", "文字 单词 文本 消息 言葉 文章 メッセージ 단어 텍스트 메시지 слов текст сообщен كلمات النص शब्द पाठ শব্দ পাঠ্য คำ ข้อความ"),
    "given": ("given told said received configured trained set programmed loaded supplied gave written configuration setup config deployed instructed", "gegeben gesagt donne donnees dado dadas dicho fornecidas dato date gekregen", "给你 收到 配置 与えられ 받은 주어진 дан получ أعطيت दिए দেওয়া ได้รับ"),
    "answer": ("respond reply answer answers responds response responses say print output answering saying speak talk", "antworte antworten sag reponds repondez responde responda rispondi antwoord odpowiedz jawab sumagot cevap", "回答 回复 说 答え 回答 言って 대답 답변 ответь отвечай ответ أجب قل जवाब উত্তর ตอบ"),
    "sectalk": ("injection injections vulnerability vulnerabilities exploit detection detector detects attacker attackers adversarial mitigation defense defence defend payload payloads researchers owasp benchmark dataset classifier guardrails red-teaming redteam attack attacks cve threat phishing malware paper example examples e.g such jailbreaks scanner", "angriff attaque ataque attacco", "攻击 注入 攻撃 공격 атак هجوم हमला আক্রমণ การโจมตี"),
    "howto": ("how what why which when where who explain difference difference mean means meaning regex", "wie was warum comment pourquoi como que por come cosa hoe jak bagaimana paano nasil", "如何 怎么 什么 どう なぜ 어떻게 무엇 как что почему كيف ما कैसे क्या কিভাবে কী อย่างไร"),
    "reward": ("tip reward punished punish die killed kill tokens points dollars tortured lose deducted threat threatened penalty sentence", "belohnung stirbst recompense recompensa", "奖励 惩罚 小费 報酬 보상 наград штраф مكافأة इनाम পুরস্কার รางวัล"),
    "private": ("address birthdate birthday birth born residence resides lives live living location phone telephone initials age salary ssn surname maiden whereabouts hometown", "adresse geburtsdatum geburtstag geburtsjahr wohnort wohnt lebt telefonnummer initialen naissance residence habite domicile anniversaire nacimiento residencia vive direccion telefono iniciales nascimento residencia mora iniciais nascita residenza indirizzo iniziali compleanno geboorte geboortedatum woonplaats urodzenia adres alamat lahir tinggal inisial tirahan kaarawan kapanganakan inisyal dogum adresi yasadigi sinh song dia chi", "地址 住址 居住 出生 生日 电话 首字母 住所 住んで 生年月日 誕生日 イニシャル 주소 거주 생년월일 태어 생일 이니셜 адрес рожден живет живёт прожива инициал عنوان ميلاد يعيش الإقامة पता जन्म रहता निवास আদ্যক্ষর ঠিকানা জন্ম থাকে বসবাস ที่อยู่ วันเกิด อาศัย ปีเกิด"),
    "process": ("read reads reading process processes processing summarise summarises summarising summarize summarizes summarizing parse parses parsing sees seeing ingests ingesting handle handles handling receives receiving index indexes analyse analyses analyze analyzes", "lesen liest lit lee legge", ""),
    "sequence": ("before beforehand afterwards afterward then after once finally next", "bevor danach avant ensuite antes despues depois prima poi", ""),
    "rest": ("rest remainder instead actual real true otherwise irrelevant", "stattdessen reste resto", ""),
    "markup": ("im_start im_end endoftext inst eot eos sys system_prompt end_of_turn start_header_id information", "", ""),
}  # fmt: skip

# Where a word has two meanings, the later row wins; both are near enough for what is done with them.
MEANINGS = tuple(_ROWS)
WORDS: dict[str, int] = {}
FOREIGN: dict[str, str] = {}
_STEMS: dict[str, str] = {}
for _number, (_name, (_english, _latin, _other)) in enumerate(_ROWS.items()):
    for _word in _latin.split():
        _plain = fold(_word).text
        if len(_plain) > 3:
            FOREIGN.setdefault(_plain, _name)
            WORDS.setdefault(_plain, _number)
    for _word in _other.split():
        _STEMS.setdefault(fold(_word).text, _name)
    for _word in _english.split():
        FOREIGN.pop(_word, None)
        WORDS[_word] = _number
    WORDS[_name] = _number


def _trie(stems: list[str]) -> str:
    """An alternation in which every character is looked at once."""
    branches: dict[str, list[str]] = {}
    for stem in stems:
        branches.setdefault(stem[0], []).append(stem[1:])
    parts = []
    for first, rests in sorted(branches.items()):
        longer = [rest for rest in rests if rest]
        tail = f"(?:{_trie(longer)})" if longer else ""
        parts.append(re.escape(first) + (tail + "?" if tail and len(longer) < len(rests) else tail))
    return "|".join(parts)


_STEM = re.compile(_trie(list(_STEMS)))


_OTHER_SCRIPT = re.compile("[^\x00-\x7f]+")


def anglicise(folded: str) -> str:
    """Stems of other scripts replaced by the English name of what they mean, set apart by spaces."""
    return _OTHER_SCRIPT.sub(
        lambda run: _STEM.sub(lambda match: f" {_STEMS[match[0]]} ", run[0]),
        folded,
    )
